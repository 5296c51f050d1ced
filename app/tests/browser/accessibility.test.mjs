// Every page, in both themes and at three widths, holds to the rules of accessibility that a program can check.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { crawl, register, signOut, startBrowser, startSite, write } from "./site.mjs";

const axe = createRequire(import.meta.url).resolve("axe-core");
// Forms with something wrong in them.
const refused = [["/login", "Sign in"], ["/register", "Create account"]];
const refusedToMe = [["/account", "Change password"]];

let site;
let browser;
let signedIn;
// The pages that a stranger finds, and those that somebody finds who is signed in.
let open;
let own;

before(async () => {
    site = await startSite({ MICROBLOG_POSTS_PER_PAGE: "3" });
    browser = await startBrowser();
    const context = await browser.newContext({ baseURL: site.address });
    const page = await context.newPage();
    await register(page, "john");
    await signOut(page);
    await register(page, "susan");
    await page.goto("/user/john");
    await page.getByRole("button", { name: "Follow" }).click();
    for (const body of ["@susan likes #birds", "one", "two\nlines", "three", "x".repeat(140)]) await write(page, body);
    signedIn = await context.storageState();
    own = await crawl(page, ["/", "/search?q=n", "/search?q=nothing", "/user/john", "/user/john/followers", "/nowhere"]);
    for (const path of ["/account", "/edit", "/user/susan", "/user/susan/following", "/search"]) {
        assert.ok(own.includes(path), `${path} is found: ${own}`);
    }
    await context.clearCookies();
    await page.goto("/");
    open = await crawl(page, ["/", "/login", "/register", "/search?q=s", "/user/susan", "/nowhere"]);
    for (const path of ["/", "/explore", "/post/1", "/login"]) {
        assert.ok(open.some((found) => found.replace(/\d+/, "1") === path), `${path} is found: ${open}`);
    }
    await context.close();
});

after(async () => {
    await browser?.close();
    await site?.stop();
});

// What is wrong with the page that is open, in each theme and at each width.
async function faults(page) {
    await page.addScriptTag({ path: axe });
    const all = [];
    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        for (const width of [360, 768, 1280]) {
            await page.setViewportSize({ width, height: 800 });
            for (const fault of await faultsAsShown(page)) all.push(`${colorScheme}, ${width} wide: ${fault}`);
        }
    }
    return all;
}

// What axe finds wrong, and a width that the page does not keep to.
async function faultsAsShown(page) {
    const found = await page.evaluate(() =>
        window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
    );
    const faults = found.violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.html).join(" ")}`);
    // A rule that could not be decided is no fault, but one that was not run at all proves nothing.
    assert.ok(found.passes.some((rule) => rule.id === "color-contrast"), "axe has looked at the colours");
    const { wide, narrow, headings } = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth,
        narrow: document.documentElement.clientWidth,
        headings: document.querySelectorAll("h1").length,
    }));
    if (wide > narrow) faults.push(`the page is ${wide} wide where ${narrow} are there`);
    if (headings !== 1) faults.push(`${headings} headings of the first level`);
    return faults;
}

for (const who of ["a stranger", "susan"]) {
    test(`every page is sound, for ${who}`, async () => {
        const mine = who === "susan";
        // axe is put into the page, which our own rules for scripts would refuse. Nothing is to be seen on its way.
        const options = { baseURL: site.address, bypassCSP: true, reducedMotion: "reduce" };
        const context = await browser.newContext({ ...options, storageState: mine ? signedIn : undefined });
        const page = await context.newPage();
        for (const path of mine ? own : open) {
            await page.goto(path);
            assert.deepEqual(await faults(page), [], path);
        }
        for (const [path, name] of mine ? refusedToMe : refused) {
            await page.goto(path);
            await page.getByRole("main").getByRole("button", { name }).click();
            await page.getByRole("alert").waitFor();
            assert.deepEqual(await faults(page), [], `${path}, refused`);
        }
        if (mine) {
            await page.goto("/");
            await page.getByLabel("Say something").fill("x".repeat(150));
            await page.getByText("10 too many").first().waitFor();
            assert.deepEqual(await faults(page), [], "a post that is too long");
            await page.goto("/user/john");
            await page.getByRole("button", { name: "Unfollow" }).click();
            await page.getByRole("status").waitFor();
            assert.deepEqual(await faults(page), [], "a message");
        }
        await context.close();
    });
}

test("what is pressed is 24 pixels high and wide at least", async () => {
    const context = await browser.newContext({
        baseURL: site.address, storageState: signedIn, viewport: { width: 360, height: 800 },
    });
    const page = await context.newPage();
    await page.goto("/");
    const sizes = await page.$$eval("a:not(.skip), button, input, textarea", (targets) =>
        targets.map((target) => [target.outerHTML, target.getBoundingClientRect()]).map(([html, box]) => [html, box.width, box.height]),
    );
    assert.ok(sizes.length > 5);
    assert.deepEqual(sizes.filter(([, width, height]) => width < 24 || height < 24), []);
    await context.close();
});

test("the keyboard reaches the content first, and shows where it is", async () => {
    const context = await browser.newContext({ baseURL: site.address });
    const page = await context.newPage();
    await page.goto("/");
    await page.keyboard.press("Tab");
    const focused = () => page.evaluate(() => document.activeElement.textContent);
    assert.equal(await focused(), "Skip to the content");
    assert.ok((await page.getByText("Skip to the content").boundingBox()).width > 100, "it is seen");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(() => document.querySelector("main").contains(document.activeElement));
    assert.ok(inside, await focused());
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, "solid");
    await context.close();
});
