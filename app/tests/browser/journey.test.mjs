// What a person does on the site from the first day to the last, with scripts and without.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { register, signIn, signOut, startBrowser, startSite, write } from "./site.mjs";

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

// Opens a page in a browser of its own, and fails when a script does or a file is missing.
async function open(options) {
    const context = await browser.newContext({ baseURL: site.address, ...options });
    const page = await context.newPage();
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(error.message));
    page.on("console", (message) => {
        if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) wrong.push(message.text());
    });
    page.on("response", (answer) => {
        if (answer.status() >= 500 || (answer.url().includes("/static/") && !answer.ok())) wrong.push(answer.url());
    });
    const close = async () => {
        await context.close();
        assert.deepEqual(wrong, []);
    };
    return { page, close };
}

const bodies = (page) => page.locator("article .body").allTextContents();

for (const [how, javaScriptEnabled] of [["with scripts", true], ["without scripts", false]]) {
    test(`somebody registers, writes, turns pages, deletes, and signs out and in, ${how}`, async () => {
        const nickname = javaScriptEnabled ? "susan" : "john";
        const { page, close } = await open({ javaScriptEnabled });
        page.on("dialog", (dialog) => dialog.accept());
        await register(page, nickname);
        for (const body of ["one", "two\nlines", "three", "four"]) await write(page, `${nickname}: ${body}`);
        assert.deepEqual(await bodies(page), ["four", "three", "two\nlines"].map((body) => `${nickname}: ${body}`));

        await page.getByRole("link", { name: "Older posts" }).click();
        assert.deepEqual(await bodies(page), [`${nickname}: one`]);
        await page.getByRole("link", { name: "Newer posts" }).click();
        assert.equal((await bodies(page)).length, 3);

        await page.locator("article").first().getByRole("button", { name: "Delete" }).click();
        await page.getByText("Your post is deleted.").waitFor();
        assert.deepEqual(await bodies(page), ["three", "two\nlines", "one"].map((body) => `${nickname}: ${body}`));

        await signOut(page);
        await page.goto("/explore");
        assert.ok((await bodies(page)).includes(`${nickname}: three`), "everybody reads it");
        assert.equal(await page.getByRole("button", { name: "Delete" }).count(), 0);
        await signIn(page, nickname);
        await page.goto("/");
        assert.equal(await page.getByRole("button", { name: "Delete" }).count(), 3);
        await close();
    });

    test(`a form that is refused keeps what was typed, and leads to what is wrong, ${how}`, async () => {
        const { page, close } = await open({ javaScriptEnabled });
        await page.goto("/register");
        await page.getByLabel("Nickname").fill("not a nickname");
        await page.getByLabel("Password", { exact: true }).fill("short");
        await page.getByRole("button", { name: "Create account" }).click();
        const summary = page.getByRole("alert");
        assert.equal(await summary.getByRole("link").count(), 3);
        assert.equal(await page.getByLabel("Nickname").inputValue(), "not a nickname");
        assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "");
        await summary.getByRole("link").first().click();
        assert.match(page.url(), /#nickname$/);
        const described = await page.getByLabel("Nickname").getAttribute("aria-describedby");
        assert.ok(described.split(" ").includes("nickname-error"), described);
        await close();
    });
}

for (const [how, javaScriptEnabled] of [["with scripts", true], ["without scripts", false]]) {
    test(`somebody follows another, finds their posts, and says who they are, ${how}`, async () => {
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
        assert.match(page.url(), new RegExp(`/search\\?q=${author}$`), "it leads back to the list");

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

test("a post is deleted only after the question was answered", async () => {
    const { page, close } = await open();
    const questions = [];
    page.on("dialog", (dialog) => {
        questions.push(dialog.message());
        return dialog.dismiss();
    });
    await register(page, "careful");
    await write(page, "to keep");
    await page.getByRole("button", { name: "Delete" }).click();
    assert.deepEqual(questions, ["Delete this post?"]);
    await page.reload();
    assert.deepEqual(await bodies(page), ["to keep"]);
    await close();
});

test("the counter counts what people see as one character, as the server does", async () => {
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
    // What is heard follows when the typing pauses.
    await page.locator("[aria-live=polite]", { hasText: "1 too many" }).waitFor({ state: "attached" });
    await field.fill(family.repeat(140));
    await page.getByRole("button", { name: "Post", exact: true }).click();
    await page.getByText("Your post is now live!").waitFor();
    await close();
});

test("times are shown in the reader's zone, and as people say them", async () => {
    const { page, close } = await open({ timezoneId: "Asia/Kolkata", locale: "en-GB" });
    await register(page, "punctual");
    await write(page, "now");
    const time = page.locator("article time").first();
    const date = new Date(await time.getAttribute("datetime"));
    const shown = (now) => {
        const zone = { timeZone: "Asia/Kolkata" };
        const year = (date) => new Intl.DateTimeFormat("en-GB", { year: "numeric", ...zone }).format(date);
        const moment = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", ...zone };
        if (year(now) !== year(date)) moment.year = "numeric";
        return new Intl.DateTimeFormat("en-GB", moment).format(date);
    };
    assert.equal(await time.textContent(), `just now · ${shown(new Date())}`);
    // The same page, seen later.
    for (const [minutes, said] of [[5, "5 minutes ago"], [125, "2 hours ago"], [60 * 24 * 400, "last year"]]) {
        const now = new Date(date.getTime() + minutes * 60_000);
        await page.clock.setFixedTime(now);
        await page.reload();
        assert.equal(await time.textContent(), `${said} · ${shown(now)}`);
    }
    await close();
});
