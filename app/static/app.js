// What the pages gain where scripts run: times as people say them, the count of what is typed, a question before
// something is deleted. Every page works without.

// Times: "5 minutes ago", and the exact one in the reader's zone beside it. Steps are in seconds.
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

// The counter of a field: <span data-counter="140"> that the field's aria-describedby names. It counts as the server
// does: what people see as one character is one, and space at the ends is not sent.
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
    const most = Number(counter.dataset.counter);
    // What is seen changes at once; what is said aloud waits until the typing pauses.
    const aloud = document.createElement("span");
    aloud.className = "sr-only";
    aloud.setAttribute("aria-live", "polite");
    counter.after(aloud);
    let pause;
    const count = () => {
        const left = most - length(field.value);
        const text = left < 0 ? `${-left} too many` : `${left} of ${most} left`;
        counter.textContent = text;
        counter.classList.toggle("over", left < 0);
        clearTimeout(pause);
        pause = setTimeout(() => { aloud.textContent = text; }, 1000);
    };
    field.addEventListener("input", count);
    if (field.value) count();
}

// A form that asks before it is sent: <form data-confirm="Delete this post?">.
document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
});

// What is wrong with a form is read first.
document.querySelector(".error-summary")?.focus();
