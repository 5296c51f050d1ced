// Cross-site scripting: hostile text is shown as text and never runs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { crawl, register, startBrowser, startSite } from "./site.mjs";

// Each text calls `hacked` if it runs in some context.
const hostile = [
    "<script>hacked()</script>",
    "</textarea><script>hacked()</script>",
    "</title><script>hacked()</script>",
    "--><script>hacked()</script><!--",
    "]]><script>hacked()</script>",
    "<img src=x onerror=hacked()>",
    "\"><img src=x onerror=hacked()>",
    "'><img src=x onerror=hacked()>",
    "\" autofocus onfocus=\"hacked()",
    "' autofocus onfocus='hacked()",
    " autofocus onfocus=hacked() ",
    "<svg onload=hacked()>",
    "<svg><script>hacked()</script></svg>",
    "<math><mtext></p><img src=x onerror=hacked()>",
    "<details open ontoggle=hacked()>",
    "<iframe srcdoc=\"<script>parent.hacked()</script>\">",
    "<base href=//evil.example><meta http-equiv=refresh content=0>",
    "<style>*{background:url(javascript:hacked())}</style>",
    "javascript:hacked()",
    "http://x.example/\"onmouseover=\"hacked()",
    "https://x.example/<script>hacked()</script>",
    "https://x.example/'onclick='hacked()'",
    "@susan\"onclick=\"hacked()",
    "@<script>hacked()</script>",
    "#<script>hacked()</script>",
    "#tag\"onclick=\"hacked()",
    "&lt;script&gt;hacked()&lt;/script&gt;",
    "&#60;script&#62;hacked()&#60;/script&#62;",
    "\u003cscript\u003ehacked()\u003c/script\u003e",
    "{{ hacked() }}{% raw %}${hacked()}",
    "<scr<script>ipt>hacked()</scr</script>ipt>",
    "\u202e<script>hacked()</script>\u0000",
    "+ADw-script+AD4-hacked()+ADw-/script+AD4-",
];

let site;
let browser;

before(async () => {
    site = await startSite({ MICROBLOG_POSTS_PER_PAGE: "100" });
    browser = await startBrowser();
});

after(async () => {
    await browser?.close();
    await site?.stop();
});

// A page that records calls of `hacked` and requests to other sites. With `bypassCSP`, escaping is the only protection.
async function open(bypassCSP) {
    const context = await browser.newContext({ baseURL: site.address, bypassCSP });
    const page = await context.newPage();
    const ran = [];
    await page.exposeFunction("hacked", () => ran.push(page.url()));
    page.on("dialog", (dialog) => dialog.dismiss());
    page.on("request", (request) => {
        if (!request.url().startsWith(site.address)) ran.push(request.url());
    });
    return { context, page, ran };
}

// Asserts that the text added no element or attribute to the page, and that nothing ran, also with the pointer over it.
async function assertUnharmed(page, ran, what) {
    const added = await page.evaluate(() => {
        const hostile = [...document.querySelectorAll("main *, title *")].filter((element) =>
            /^(script|img|svg|math|iframe|base|meta|style|details)$/.test(element.localName)
                && !element.matches("img.avatar")
            || [...element.attributes].some(({ name, value }) => name.startsWith("on") || /^javascript:/i.test(value) && /^(href|src|action)$/.test(name)),
        );
        for (const element of document.querySelectorAll("main a, main p")) {
            element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
        }
        return hostile.map((element) => element.outerHTML);
    });
    assert.deepEqual(added, [], what);
    assert.deepEqual(ran, [], what);
}

// Inserts an image with an inline handler, and waits until the image has failed to load.
function insertHostileImage(page) {
    return page.evaluate(() => new Promise((resolve) => {
        const main = document.querySelector("main");
        main.insertAdjacentHTML("beforeend", "<img src=x onerror=hacked()>");
        main.lastElementChild.addEventListener("error", () => resolve());
    }));
}

test("the check detects a script that runs", async () => {
    const { context, page, ran } = await open(true);
    await page.goto("/login");
    await insertHostileImage(page);
    await assert.rejects(assertUnharmed(page, ran, "inserted"));
    for (let tries = 0; ran.length === 0 && tries < 200; tries += 1) await page.waitForTimeout(50);
    assert.equal(ran.length, 1);
    await context.close();
});

test("the content security policy blocks inline scripts", async () => {
    const { context, page, ran } = await open(false);
    await page.goto("/login");
    await insertHostileImage(page);
    assert.deepEqual(ran, []);
    await context.close();
});

test("hostile posts are text", async () => {
    const { context, page, ran } = await open(true);
    await register(page, "susan");
    for (const text of hostile) {
        await page.getByLabel("Say something").fill(text);
        await page.getByRole("button", { name: "Post", exact: true }).click();
        await page.getByText("Your post is now live!").waitFor();
        const shown = await page.locator("article .body").first().textContent();
        assert.equal(shown.trim(), text.replace("\u0000", "").trim(), "the text is shown as typed");
    }
    const posts = hostile.map((_, index) => `/post/${index + 1}`);
    for (const path of [...(await crawl(page, ["/"])), ...posts]) {
        await page.goto(path);
        await assertUnharmed(page, ran, path);
    }
    await context.close();
});

test("hostile profiles are text", async () => {
    const { context, page, ran } = await open(true);
    await register(page, "miguel");
    for (const text of hostile) {
        await page.goto("/edit");
        await page.getByLabel("About me").fill(text);
        await page.getByRole("button", { name: "Save changes" }).click();
        for (const path of ["/user/miguel", "/search?q=miguel"]) {
            await page.goto(path);
            await assertUnharmed(page, ran, `${path}: ${text}`);
            const shown = await page.locator(".about").first().textContent();
            assert.equal(shown.trim(), text.replace("\u0000", "").trim(), "the text is shown as typed");
        }
    }
    await context.close();
});

for (const isSignedIn of [false, true]) {
    test(`hostile form values are text, signed ${isSignedIn ? "in" : "out"}`, async () => {
        const { context, page, ran } = await open(true);
        if (isSignedIn) await register(page, "john");
        await page.goto("/");
        let fields = 0;
        for (const path of await crawl(page, ["/", "/login?next=/", "/register"])) {
            await page.goto(path);
            const forms = await page.locator("form").count();
            for (let index = 0; index < forms; index += 1) {
                const typed = await fill(page, index, "");
                if (typed === 0) continue;
                fields += typed;
                for (const text of hostile) {
                    await page.goto(path);
                    await fill(page, index, text);
                    const response = page.waitForNavigation();
                    await page.locator("form").nth(index).evaluate((form) => form.submit());
                    assert.ok((await response).status() < 500, `${path}: ${text}`);
                    await assertUnharmed(page, ran, `${path}: ${text}`);
                }
            }
        }
        assert.ok(fields > 0, "the pages have fields");
        await context.close();
    });
}

test("hostile URLs are text", async () => {
    const { context, page, ran } = await open(true);
    for (const text of hostile) {
        const part = encodeURIComponent(text);
        for (const path of [`/nowhere/${part}?${part}`, `/?before=${part}`, `/login?next=${part}`]) {
            await page.goto(path);
            await assertUnharmed(page, ran, path);
        }
    }
    await context.close();
});

// Sets all text fields of a form, hidden ones too, and returns their number.
function fill(page, index, text) {
    return page.locator("form").nth(index).evaluate((form, text) => {
        const fields = form.querySelectorAll("textarea, input:not([type=checkbox], [type=radio], [type=submit])");
        for (const field of fields) field.value = text;
        return fields.length;
    }, text);
}
