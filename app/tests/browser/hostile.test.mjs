// Whatever is typed, and wherever it is shown again, none of it runs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { crawl, register, startBrowser, startSite } from "./site.mjs";

// Each would call `hacked` if it ran, in one context or another.
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

// A page that remembers whether anything ran. The rules for scripts that the site sends are switched off once, so that
// they alone are not what keeps it safe.
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

// Nothing of what was typed has become part of the page, and nothing has run, not even when it is pointed at.
async function unharmed(page, ran, what) {
    const grown = await page.evaluate(() => {
        const odd = [...document.querySelectorAll("main *, title *")].filter((element) =>
            /^(script|img|svg|math|iframe|base|meta|style|details)$/.test(element.localName)
                && !element.matches("img.avatar")
            || [...element.attributes].some(({ name, value }) => name.startsWith("on") || /^javascript:/i.test(value) && /^(href|src|action)$/.test(name)),
        );
        for (const element of document.querySelectorAll("main a, main p")) {
            element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
        }
        return odd.map((element) => element.outerHTML);
    });
    assert.deepEqual(grown, [], what);
    assert.deepEqual(ran, [], what);
}

test("the check itself notices a script that runs", async () => {
    const { context, page, ran } = await open(true);
    await page.goto("/login");
    await page.evaluate(() => document.querySelector("main").insertAdjacentHTML("beforeend", "<img src=x onerror=hacked()>"));
    await assert.rejects(unharmed(page, ran, "put there"));
    await page.waitForTimeout(500);
    assert.equal(ran.length, 1);
    await context.close();
});

test("the rules for scripts that the site sends stop what would run", async () => {
    const { context, page, ran } = await open(false);
    await page.goto("/login");
    await page.evaluate(() => document.querySelector("main").insertAdjacentHTML("beforeend", "<img src=x onerror=hacked()>"));
    await page.waitForTimeout(500);
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
        assert.equal(shown.trim(), text.replace("\u0000", "").trim(), "it is shown as it was typed");
    }
    const posts = hostile.map((_, index) => `/post/${index + 1}`);
    for (const path of [...(await crawl(page, ["/"])), ...posts]) {
        await page.goto(path);
        await unharmed(page, ran, path);
    }
    await context.close();
});

test("hostile text about oneself is text, on the own page and where people are listed", async () => {
    const { context, page, ran } = await open(true);
    await register(page, "miguel");
    for (const text of hostile) {
        await page.goto("/edit");
        await page.getByLabel("About me").fill(text);
        await page.getByRole("button", { name: "Save changes" }).click();
        for (const path of ["/user/miguel", "/search?q=miguel"]) {
            await page.goto(path);
            await unharmed(page, ran, `${path}: ${text}`);
            const shown = await page.locator(".about").first().textContent();
            assert.equal(shown.trim(), text.replace("\u0000", "").trim(), "it is shown as it was typed");
        }
    }
    await context.close();
});

for (const who of ["a stranger", "john"]) {
    test(`hostile text in every field of every form is text, for ${who}`, async () => {
        const { context, page, ran } = await open(true);
        if (who === "john") await register(page, who);
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
                    const answer = page.waitForNavigation();
                    await page.locator("form").nth(index).evaluate((form) => form.submit());
                    assert.ok((await answer).status() < 500, `${path}: ${text}`);
                    await unharmed(page, ran, `${path}: ${text}`);
                }
            }
        }
        assert.ok(fields > 0, "there are fields");
        await context.close();
    });
}

test("hostile text in an address is text", async () => {
    const { context, page, ran } = await open(true);
    for (const text of hostile) {
        const part = encodeURIComponent(text);
        for (const path of [`/nowhere/${part}?${part}`, `/?before=${part}`, `/login?next=${part}`]) {
            await page.goto(path);
            await unharmed(page, ran, path);
        }
    }
    await context.close();
});

// Puts the text into each field of that form that takes any, hidden ones too, and says how many there are.
function fill(page, index, text) {
    return page.locator("form").nth(index).evaluate((form, text) => {
        const fields = form.querySelectorAll("textarea, input:not([type=checkbox], [type=radio], [type=submit])");
        for (const field of fields) field.value = text;
        return fields.length;
    }, text);
}
