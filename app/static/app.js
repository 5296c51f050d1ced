// Progressive enhancement: relative times, a counter of characters, a confirmation before deleting. Every page works
// without scripts.

// Times: "5 minutes ago", followed by the exact time in the local time zone. Steps are in seconds.
const steps = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const language = document.documentElement.lang;
const english = navigator.language.startsWith("en") ? navigator.language : "en-GB";
const moment = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
const thisYear = new Intl.DateTimeFormat(english, moment);
const anyYear = new Intl.DateTimeFormat(english, { ...moment, year: "numeric" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

function ago(date) {
    const seconds = (date - Date.now()) / 1000;
    const step = steps.find(([, length]) => Math.abs(seconds) >= length);
    return step ? relative.format(Math.trunc(seconds / step[1]), step[0]) : "just now";
}

function showTimes() {
    for (const time of document.querySelectorAll("time[datetime]")) {
        const date = new Date(time.dateTime);
        if (Number.isNaN(date.getTime())) continue;
        const exact = date.getFullYear() === new Date().getFullYear() ? thisYear : anyYear;
        const text = `${ago(date)} · ${exact.format(date)}`;
        if (time.textContent !== text) time.textContent = text;
    }
}

showTimes();
setInterval(showTimes, 60000);

// The counter of a field: <span data-counter="140">, named by the field's aria-describedby. It counts grapheme clusters
// of the trimmed text, like the server.
const segmenter = "Segmenter" in Intl ? new Intl.Segmenter(language, { granularity: "grapheme" }) : null;

function length(text) {
    const sent = text.replace(/\r\n?/g, "\n").trim();
    let count = 0;
    for (const _ of segmenter ? segmenter.segment(sent) : sent) count += 1;
    return count;
}

for (const counter of document.querySelectorAll("[data-counter]")) {
    const field = document.querySelector(`[aria-describedby~="${counter.id}"]`);
    if (!field) continue;
    const max = Number(counter.dataset.counter);
    // The visible text changes at once; screen readers announce it when the typing pauses.
    const announced = document.createElement("span");
    announced.className = "sr-only";
    announced.setAttribute("aria-live", "polite");
    counter.after(announced);
    let pause;
    const count = () => {
        const left = max - length(field.value);
        const text = left < 0 ? `${-left} too many` : `${left} of ${max} left`;
        counter.textContent = text;
        counter.classList.toggle("over", left < 0);
        clearTimeout(pause);
        pause = setTimeout(() => { announced.textContent = text; }, 1000);
    };
    field.addEventListener("input", count);
    if (field.value) count();
}

// A form that needs confirmation: <form data-confirm="Delete this post?">.
document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
});

// The errors of a form get the focus.
document.querySelector(".error-summary")?.focus();
