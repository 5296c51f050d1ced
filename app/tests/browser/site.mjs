// Support for browser tests: the built program on its own database, the browser, and common steps of users.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const repository = fileURLToPath(new URL("../../../", import.meta.url));
export const password = "correct horse battery staple";

// APP is the program to test, by default the debug build.
const program = resolve(process.env.APP ?? join(repository, "target/debug/app"));

// Starts the program in an empty folder, on a free port. `stop` stops it and deletes the folder.
export async function startSite(settings = {}) {
    const home = await mkdtemp(join(tmpdir(), "microblog-browser-"));
    const site = spawn(program, {
        cwd: home,
        env: {
            MICROBLOG_HOME: home,
            ROCKET_PORT: "0",
            // The tests sign in more often than the default limit allows.
            MICROBLOG_ATTEMPTS_PER_MINUTE: "10000",
            MICROBLOG_SEARCHES_PER_MINUTE: "10000",
            MICROBLOG_WRITES_PER_MINUTE: "10000",
            ROCKET_SECRET_KEY: randomBytes(32).toString("base64"),
            ...settings,
        },
        stdio: ["ignore", "pipe", "inherit"],
    });
    // The program must not outlive the tests.
    process.once("exit", () => site.kill("SIGTERM"));
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
    const ended = new Promise((resolve) => site.once("close", resolve).once("error", resolve));
    const stop = async () => {
        site.kill("SIGTERM");
        await ended;
        await rm(home, { recursive: true, force: true });
    };
    for await (const line of createInterface({ input: site.stdout })) {
        const address = /^The microblog is at (.*)$/.exec(line)?.[1];
        if (address) {
            site.stdout.resume();
            return { address, stop };
        }
    }
    const status = await ended;
    await stop();
    throw new Error(`${program} did not start: ${status}`);
}

// CHROMIUM is the browser, by default Debian's.
export function startBrowser() {
    return chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        // The browser must only connect to the site under test.
        args: [
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-gpu",
            "--disable-quic",
            "--disable-sync",
            "--no-first-run",
            // Chromium's sandbox does not support root, the user in a container.
            ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
        ],
    });
}

export async function register(page, nickname) {
    await page.goto("/register");
    await page.getByLabel("Nickname").fill(nickname);
    await page.getByLabel("E-mail address").fill(`${nickname}@example.org`);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("main").getByRole("button", { name: "Create account" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
}

export async function signIn(page, nickname) {
    await page.goto("/login");
    await page.getByLabel("Nickname or e-mail address").fill(nickname);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Sign out" }).waitFor();
}

export async function signOut(page) {
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in" }).waitFor();
}

export async function write(page, body) {
    await page.goto("/");
    await page.getByLabel("Say something").fill(body);
    await page.getByRole("button", { name: "Post", exact: true }).click();
    await page.getByText("Your post is now live!").waitFor();
}

// The pages that are reachable by links, one of each kind: `/post/1` also stands for `/post/2`.
export async function crawl(page, from) {
    const kind = (url) =>
        url.pathname.replace(/\d+/g, "1").replace(/\/tag\/[^/]+/, "/tag/-")
            + [...url.searchParams.keys()].sort();
    const found = new Map(from.map((path) => [kind(new URL(path, page.url())), path]));
    const pages = [];
    for (const path of found.values()) {
        // Only HTML is opened: the browser would download other content, such as a feed.
        const response = await page.request.get(path);
        if (!response.headers()["content-type"]?.startsWith("text/html")) continue;
        await page.goto(path);
        pages.push(path);
        for (const href of await page.$$eval("a[href]", (links) => links.map((link) => link.href))) {
            const url = new URL(href);
            if (url.origin === new URL(page.url()).origin && !found.has(kind(url))) {
                found.set(kind(url), url.pathname + url.search);
            }
        }
    }
    return pages;
}
