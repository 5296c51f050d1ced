// Every page, in both themes and on a phone and on a wide screen, holds to the rules of accessibility that a program can check.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { crawl, register, startBrowser, startSite, write } from "./site.mjs";

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
    await register(page, "susan");
    for (const body of ["@susan likes #birds", "one", "two\nlines", "three", "x".repeat(140)]) await write(page, body);
    signedIn = await context.storageState();
    own = await crawl(page, ["/"]);
    for (const path of ["/account", "/edit", "/user/susan", "/user/susan/followers", "/search"]) {
        assert.ok(own.includes(path), `${path} is found: ${own}`);
    }
    await context.clearCookies();
    await page.goto("/");
    open = await crawl(page, ["/", "/login", "/register", "/nowhere"]);
    for (const path of ["/", "/explore", "/post/1", "/login"]) {
        assert.ok(open.some((found) => found.replace(/\d+/, "1") === path), `${path} is found: ${open}`);
    }
    await context.close();
});

after(async () => {
    await browser?.close();
    await site?.stop();
});

// What axe finds wrong on the page that is open, and a width that the page does not keep to.
async function faults(page) {
    await page.addScriptTag({ path: axe });
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

// Colours hang on the theme alone, and what stands where on the width, so two of the four pairs show all.
for (const [colorScheme, width] of [["light", 360], ["dark", 1280]]) {
    test(`every page is sound, ${colorScheme}, ${width} wide`, async () => {
        // axe is put into the page, which our own rules for scripts would refuse.
        const options = { baseURL: site.address, bypassCSP: true, colorScheme, viewport: { width, height: 800 } };
        for (const [storageState, paths] of [[undefined, open], [signedIn, own]]) {
            const context = await browser.newContext({ ...options, storageState });
            const page = await context.newPage();
            for (const path of paths) {
                await page.goto(path);
                assert.deepEqual(await faults(page), [], path);
            }
            for (const [path, name] of storageState ? refusedToMe : refused) {
                await page.goto(path);
                await page.getByRole("main").getByRole("button", { name }).click();
                await page.getByRole("alert").waitFor();
                assert.deepEqual(await faults(page), [], `${path}, refused`);
            }
            if (storageState) {
                await page.goto("/");
                await page.getByLabel("Say something").fill("x".repeat(150));
                await page.getByText("10 too many").first().waitFor();
                assert.deepEqual(await faults(page), [], "a post that is too long");
            }
            await context.close();
        }
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
