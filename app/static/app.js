// Progressive enhancement: relative times, a counter of characters, a confirmation before deleting. Every page works
// without scripts.

// Times: "5 minutes ago", with the exact time in the local time zone as the title. From a day on, days of the calendar
// count: what was written on Monday evening was written "2 days ago" on Wednesday morning. Steps are in days.
const steps = [["year", 365], ["month", 30], ["week", 7], ["day", 1]];
const language = document.documentElement.lang;
const english = navigator.language.startsWith("en") ? navigator.language : "en-GB";
const exact = new Intl.DateTimeFormat(english, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

function ago(date) {
    const minutes = Math.floor((Date.now() - date) / 60000);
    if (minutes < 1) return "just now";
    if (minutes < 60) return relative.format(-minutes, "minute");
    if (minutes < 60 * 24) return relative.format(-Math.floor(minutes / 60), "hour");
    const midnight = (date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
    const days = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
    const [unit, length] = steps.find(([, length]) => days >= length);
    return relative.format(-Math.floor(days / length), unit);
}

function showTimes() {
    for (const time of document.querySelectorAll("time[datetime]")) {
        const date = new Date(time.dateTime);
        if (Number.isNaN(date.getTime())) continue;
        const text = ago(date);
        if (time.textContent !== text) time.textContent = text;
        time.title = exact.format(date);
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

// Ctrl+Enter sends a text.
document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.localName !== "textarea") return;
    event.preventDefault();
    event.target.form.requestSubmit();
});
