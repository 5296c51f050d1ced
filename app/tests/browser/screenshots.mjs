// Takes the screenshots in docs/ for README.md: npm run screenshots

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { register, repository, startBrowser, startSite, write } from "./site.mjs";

const posts = [
    ["john", "Beautiful day in Portland!"],
    ["susan", "The Avengers movie was so cool!"],
    ["miguel", "Rows that are not there cannot be lost. All the others we keep. #databases"],
    ["susan", "@john the second one is even better."],
    ["john", "Saturday: rain.\nSunday: more rain.\nMonday: sun, of course."],
    ["miguel", "Renamed a column today, and nobody noticed. That is how it should be. #databases"],
    ["susan", "Anybody for a walk along the river? #portland"],
];
const follows = [["susan", "john"], ["susan", "miguel"], ["john", "susan"]];
const screenshots = [
    { name: "home", path: "/", width: 840, height: 760, colorScheme: "light", signedIn: true },
    { name: "explore-dark", path: "/explore", width: 840, height: 760, colorScheme: "dark", signedIn: true },
];

const folder = join(repository, "docs");
const site = await startSite();
const browser = await startBrowser();
try {
    const states = new Map();
    for (const [nickname, body] of posts) {
        const context = await browser.newContext({ baseURL: site.address, storageState: states.get(nickname) });
        const page = await context.newPage();
        if (!states.has(nickname)) await register(page, nickname);
        await write(page, body);
        states.set(nickname, await context.storageState());
        await context.close();
    }
    for (const [nickname, followed] of follows) {
        const context = await browser.newContext({ baseURL: site.address, storageState: states.get(nickname) });
        const page = await context.newPage();
        await page.goto(`/user/${followed}`);
        await page.getByRole("button", { name: "Follow", exact: true }).click();
        await page.getByText(`You are now following ${followed}!`).waitFor();
        await context.close();
    }
    await mkdir(folder, { recursive: true });
    for (const { name, path, width, height, colorScheme, signedIn } of screenshots) {
        const context = await browser.newContext({
            baseURL: site.address,
            colorScheme,
            viewport: { width, height },
            locale: "en-GB",
            storageState: signedIn ? states.get("susan") : undefined,
        });
        const page = await context.newPage();
        await page.goto(path);
        // The second load is without the flash message of the previous page.
        await page.goto(path);
        await page.screenshot({ path: join(folder, `${name}.png`) });
        await context.close();
    }
} finally {
    await browser.close();
    await site.stop();
}
