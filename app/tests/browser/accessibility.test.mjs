// Accessibility: axe checks every page, in both themes and at three widths.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { crawl, register, signOut, startBrowser, startSite, write } from "./site.mjs";

const axe = createRequire(import.meta.url).resolve("axe-core");
// Forms that are sent empty: the path, and the name of the button.
const signedOutForms = [["/login", "Sign in"], ["/register", "Create account"]];
const signedInForms = [["/account", "Change password"]];

let site;
let browser;
let signedIn;
let signedOutPages;
let signedInPages;

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
    signedInPages = await crawl(page, ["/", "/search?q=n", "/search?q=nothing", "/user/john", "/user/john/followers", "/nowhere"]);
    for (const path of ["/account", "/edit", "/user/susan", "/user/susan/following", "/search"]) {
        assert.ok(signedInPages.includes(path), `${path} is found: ${signedInPages}`);
    }
    await context.clearCookies();
    await page.goto("/");
    signedOutPages = await crawl(page, ["/", "/login", "/register", "/search?q=s", "/user/susan", "/nowhere"]);
    for (const path of ["/", "/explore", "/post/1", "/login"]) {
        assert.ok(signedOutPages.some((found) => found.replace(/\d+/, "1") === path), `${path} is found: ${signedOutPages}`);
    }
    await context.close();
});

after(async () => {
    await browser?.close();
    await site?.stop();
});

const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// The faults of the current page, at each width and in each theme. The themes differ in their colours only.
async function faults(page) {
    await page.addScriptTag({ path: axe });
    const all = [];
    for (const [colorScheme, runOnly] of [["light", rules], ["dark", { type: "rule", values: ["color-contrast"] }]]) {
        await page.emulateMedia({ colorScheme });
        for (const width of [320, 768, 1280]) {
            await page.setViewportSize({ width, height: 800 });
            for (const fault of await faultsAsShown(page, runOnly)) all.push(`${colorScheme}, ${width} wide: ${fault}`);
        }
    }
    return all;
}

// The violations that axe finds, horizontal scrolling, and a wrong number of headings.
async function faultsAsShown(page, runOnly) {
    const found = await page.evaluate((runOnly) => window.axe.run({ runOnly }), runOnly);
    const faults = found.violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.html).join(" ")}`);
    // An undecided rule is not a fault, but axe must have run.
    assert.ok(found.passes.some((rule) => rule.id === "color-contrast"), "axe has checked the colours");
    const { wide, narrow, headings } = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth,
        narrow: document.documentElement.clientWidth,
        headings: document.querySelectorAll("h1").length,
    }));
    if (wide > narrow) faults.push(`the page is ${wide} wide in a window of ${narrow}`);
    if (headings !== 1) faults.push(`${headings} headings of the first level`);
    return faults;
}

for (const isSignedIn of [false, true]) {
    test(`every page is accessible, signed ${isSignedIn ? "in" : "out"}`, async () => {
        // The site's CSP would block the script of axe. Animations would change colours during a check.
        const options = { baseURL: site.address, bypassCSP: true, reducedMotion: "reduce" };
        const context = await browser.newContext({ ...options, storageState: isSignedIn ? signedIn : undefined });
        const page = await context.newPage();
        for (const path of isSignedIn ? signedInPages : signedOutPages) {
            await page.goto(path);
            assert.deepEqual(await faults(page), [], path);
        }
        for (const [path, name] of isSignedIn ? signedInForms : signedOutForms) {
            await page.goto(path);
            await page.getByRole("main").getByRole("button", { name }).click();
            await page.locator("[aria-invalid]").first().waitFor();
            assert.deepEqual(await faults(page), [], `${path}, with errors`);
        }
        if (isSignedIn) {
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

test("targets are at least 24 pixels high and wide", async () => {
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

test("the skip link and the focus are visible", async () => {
    const context = await browser.newContext({ baseURL: site.address });
    const page = await context.newPage();
    await page.goto("/");
    await page.keyboard.press("Tab");
    const focused = () => page.evaluate(() => document.activeElement.textContent);
    assert.equal(await focused(), "Skip to the content");
    assert.ok((await page.getByText("Skip to the content").boundingBox()).width > 100, "the link is visible");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(() => document.querySelector("main").contains(document.activeElement));
    assert.ok(inside, await focused());
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, "solid");
    await context.close();
});
