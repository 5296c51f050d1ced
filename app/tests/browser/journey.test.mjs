// User journeys through the site, with and without scripts.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { password, register, signIn, signOut, startBrowser, startSite, write } from "./site.mjs";

let site;
let browser;

before(async () => {
    site = await startSite({ MICROBLOG_POSTS_PER_PAGE: "3" });
    browser = await startBrowser();
});

after(async () => {
    await browser?.close();
    await site?.stop();
});

// Opens a page in a new browser context. `close` fails if a script has failed or a file was missing.
async function open(options) {
    const context = await browser.newContext({ baseURL: site.address, ...options });
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
        if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) errors.push(message.text());
    });
    page.on("response", (response) => {
        if (response.status() >= 500 || (response.url().includes("/static/") && !response.ok())) errors.push(response.url());
    });
    const close = async () => {
        await context.close();
        assert.deepEqual(errors, []);
    };
    return { page, close };
}

const bodies = (page) => page.locator("article .body").allTextContents();

for (const [how, javaScriptEnabled] of [["with scripts", true], ["without scripts", false]]) {
    test(`register, write, turn pages, delete, sign out and in, ${how}`, async () => {
        const nickname = javaScriptEnabled ? "susan" : "john";
        const { page, close } = await open({ javaScriptEnabled });
        await register(page, nickname);
        for (const body of ["one", "two\nlines", "three", "four"]) await write(page, `${nickname}: ${body}`);
        assert.deepEqual(await bodies(page), ["four", "three", "two\nlines"].map((body) => `${nickname}: ${body}`));

        await page.getByRole("link", { name: "Older posts" }).click();
        assert.deepEqual(await bodies(page), [`${nickname}: one`]);
        await page.getByRole("link", { name: "Newer posts" }).click();
        assert.equal((await bodies(page)).length, 3);

        await page.locator("article").first().getByRole("link", { name: "Delete" }).click();
        await page.getByRole("link", { name: "Keep it" }).click();
        assert.equal((await bodies(page)).length, 3, "nothing is deleted without an answer");
        await page.locator("article").first().getByRole("link", { name: "Delete" }).click();
        await page.getByRole("button", { name: "Delete" }).click();
        await page.getByText("Your post is deleted.").waitFor();
        assert.deepEqual(await bodies(page), ["three", "two\nlines", "one"].map((body) => `${nickname}: ${body}`));

        await signOut(page);
        await page.goto("/explore");
        assert.ok((await bodies(page)).includes(`${nickname}: three`), "the post is public");
        assert.equal(await page.getByRole("link", { name: "Delete" }).count(), 0);
        await signIn(page, nickname);
        await page.goto("/");
        assert.equal(await page.getByRole("link", { name: "Delete" }).count(), 3);
        await close();
    });

    test(`an invalid form keeps the values and says each mistake once, ${how}`, async () => {
        const { page, close } = await open({ javaScriptEnabled });
        await page.goto("/register");
        await page.getByLabel("Nickname").fill("not a nickname");
        await page.getByLabel("Password", { exact: true }).fill("short");
        await page.getByRole("button", { name: "Create account" }).click();
        assert.equal(await page.getByText("Please type your e-mail address.").count(), 1);
        assert.equal(await page.locator(".error").count(), 3);
        assert.equal(await page.evaluate(() => document.activeElement.id), "nickname", "the first one has the focus");
        const border = await page.getByLabel("Nickname").evaluate((field) => getComputedStyle(field).borderTopWidth);
        assert.equal(border, "2px", "an invalid field looks invalid");
        assert.equal(await page.getByLabel("Nickname").inputValue(), "not a nickname");
        assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "");
        const described = await page.getByLabel("Nickname").getAttribute("aria-describedby");
        assert.ok(described.split(" ").includes("nickname-error"), described);
        await close();
    });
}

for (const [how, javaScriptEnabled] of [["with scripts", true], ["without scripts", false]]) {
    test(`follow, search and edit the profile, ${how}`, async () => {
        const { page, close } = await open({ javaScriptEnabled });
        const [author, reader] = javaScriptEnabled ? ["ada", "bob"] : ["eve", "dan"];
        await register(page, author);
        await write(page, `${author} saw a heron #birds`);
        await signOut(page);
        await register(page, reader);
        await page.goto(`/user/${author}`);
        await page.getByRole("button", { name: "Follow", exact: true }).click();
        await page.getByText(`You are now following ${author}!`).waitFor();
        await page.goto("/");
        assert.deepEqual(await bodies(page), [`${author} saw a heron #birds`]);

        await page.getByRole("link", { name: "#birds" }).click();
        assert.ok((await bodies(page)).includes(`${author} saw a heron #birds`));
        await page.getByRole("link", { name: "Search" }).click();
        await page.getByRole("searchbox").fill(`heron ${author}`);
        await page.getByRole("main").getByRole("button", { name: "Search" }).click();
        assert.deepEqual(await bodies(page), [`${author} saw a heron #birds`]);
        assert.deepEqual(await page.locator("mark").allTextContents(), [author, "heron"]);

        await page.goto(`/search?q=${author}`);
        await page.getByRole("button", { name: `Unfollow ${author}` }).click();
        await page.getByText(`You have stopped following ${author}.`).waitFor();
        await page.getByRole("button", { name: `Follow ${author}`, exact: true }).click();
        await page.getByText(`You are now following ${author}!`).waitFor();
        assert.match(page.url(), new RegExp(`/search\\?q=${author}$`), "the redirect leads back to the list");

        await page.getByRole("link", { name: "Profile" }).click();
        await page.getByRole("link", { name: "Edit your profile" }).click();
        await page.getByLabel("About me").fill("I count birds.");
        await page.getByRole("button", { name: "Save changes" }).click();
        await page.goto(`/user/${reader}`);
        await page.getByText("I count birds.").waitFor();

        await page.goto(`/user/${author}`);
        await page.getByRole("button", { name: "Unfollow" }).click();
        await page.goto("/");
        assert.deepEqual(await bodies(page), []);
        await close();
    });
}

test("Ctrl+Enter sends a post", async () => {
    const { page, close } = await open();
    await register(page, "quick");
    await page.goto("/");
    await page.getByLabel("Say something").fill("by the keyboard");
    await page.keyboard.press("Control+Enter");
    await page.getByText("Your post is now live!").waitFor();
    assert.deepEqual(await bodies(page), ["by the keyboard"]);
    await close();
});

test("a post that was typed without a session is not lost", async () => {
    const { page, close } = await open();
    await register(page, "late");
    await page.goto("/");
    await page.getByLabel("Say something").fill("a <long> thought");
    await page.context().clearCookies();
    await page.getByRole("button", { name: "Post", exact: true }).click();
    await page.getByText("What you typed is kept.").waitFor();
    await page.getByLabel("Nickname or e-mail address").fill("late");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Send it" }).click();
    await page.getByText("Your post is now live!").waitFor();
    assert.deepEqual(await bodies(page), ["a <long> thought"]);
    await close();
});

test("the counter counts grapheme clusters, like the server", async () => {
    const { page, close } = await open();
    await register(page, "counted");
    const field = page.getByLabel("Say something");
    const family = "👨‍👩‍👧‍👦";
    for (const [text, left] of [
        ["a", "139 of 140 left"],
        [family, "139 of 140 left"],
        ["e\u0301\n ", "139 of 140 left"],
        [family.repeat(140), "0 of 140 left"],
        [family.repeat(141), "1 too many"],
    ]) {
        await field.fill(text);
        assert.equal(await page.locator("[data-counter]").textContent(), left);
    }
    // The live region follows when the typing pauses.
    await page.locator("[aria-live=polite]", { hasText: "1 too many" }).waitFor({ state: "attached" });
    await field.fill(family.repeat(140));
    await page.getByRole("button", { name: "Post", exact: true }).click();
    await page.getByText("Your post is now live!").waitFor();
    await close();
});

test("times are relative, and exact in the local time zone as the title", async () => {
    const { page, close } = await open({ timezoneId: "Asia/Kolkata", locale: "en-GB" });
    await register(page, "punctual");
    await write(page, "now");
    const time = page.locator("article time").first();
    const date = new Date(await time.getAttribute("datetime"));
    const zone = { timeZone: "Asia/Kolkata" };
    const moment = { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", ...zone };
    assert.equal(await time.textContent(), "just now");
    assert.equal(await time.getAttribute("title"), new Intl.DateTimeFormat("en-GB", moment).format(date));
    // The same page at later times. From a day on, midnights in the local time zone are counted.
    const local = (date) => Math.floor((date.getTime() + 5.5 * 3_600_000) / 86_400_000);
    const days = (minutes) => local(new Date(date.getTime() + minutes * 60_000)) - local(date);
    const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
    for (const [minutes, text] of [
        [5, "5 minutes ago"],
        [57, "57 minutes ago"],
        [125, "2 hours ago"],
        [60 * 24, "yesterday"],
        [60 * 47, relative.format(-days(60 * 47), "day")],
        [60 * 24 * 15, "2 weeks ago"],
        [60 * 24 * 400, "last year"],
    ]) {
        await page.clock.setFixedTime(new Date(date.getTime() + minutes * 60_000 + 1000));
        await page.reload();
        assert.equal(await time.textContent(), text);
    }
    await close();
});

test("the time of a post fits into the window of a small phone", async () => {
    for (const javaScriptEnabled of [true, false]) {
        const { page, close } = await open({ javaScriptEnabled, viewport: { width: 320, height: 700 } });
        await page.goto("/explore");
        const cut = await page.$$eval("article .by a", (links) =>
            links.filter((link) => link.scrollWidth > link.clientWidth + 1 || link.getBoundingClientRect().right > innerWidth).length,
        );
        assert.ok((await bodies(page)).length > 0);
        assert.equal(cut, 0);
        await close();
    }
});
