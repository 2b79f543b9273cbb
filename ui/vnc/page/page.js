/*
 * The page around the viewer: a bar of tools, and sentences about how the connection is. The RFB engine is noVNC's
 * (/viewer/), which the build of the server may lack.
 */
import { keysymOf, makeKeys } from "./keys.js";

const element = id => document.getElementById(id);
const RECONNECT_WAITS = [1, 2, 4, 8];
// A character each so many ms: systems keep few keys that they have no time for yet, and forget the rest.
const TYPE_MS = 25;
// How long a machine may take to follow the page's size.
const FOLLOW_MS = 3000;
const qualities = {sharp: [9, 2], balanced: [6, 2], fast: [1, 6]};

let RFB = null;             // the engine
let rfb = null;             // the connection
let opened = false;         // the server has shown its screen
let wanted = true;          // the user has not hung up
let failure = "";           // the server's reason, once it gave one
let attempts = 0, retry = 0, follow = 0;
let credentials = {};
let releaseKeys = () => {};

// ---- what is said ------------------------------------------------------------------------------

function status(text) {
    element("status").textContent = text;
}

function message(text, more = "", again = "Connect again") {
    element("message-text").textContent = text;
    element("message-more").textContent = more;
    element("again").hidden = !again;
    element("again").textContent = again;
    element("message").hidden = false;
    if (again)
        element("again").focus();
}

function enable(on) {
    for (const id of ["cad", "keys", "clipboard"])
        element(id).disabled = !on;
    if (!on)
        element("power").hidden = true;
    element("connect").disabled = RFB === null;
    element("connect").textContent = rfb ? "Disconnect" : "Connect";
    if (!on)
        openPanel(null);
}

// ---- the connection ----------------------------------------------------------------------------

function connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";

    clearTimeout(retry);
    if (rfb || !RFB)
        return;
    element("message").hidden = true;
    element("screen").replaceChildren();
    wanted = true;
    opened = false;
    failure = "";
    status("Connecting…");
    rfb = new RFB(element("screen"), `${scheme}://${location.host}/rfb`,
                  {shared: true, wsProtocols: ["binary"], credentials});
    rfb.background = "transparent";
    applySettings();
    rfb.addEventListener("connect", connected);
    rfb.addEventListener("disconnect", disconnected);
    rfb.addEventListener("credentialsrequired", askCredentials);
    rfb.addEventListener("securityfailure", e => {
        failure = e.detail.reason || "The server refused, and did not say why.";
        credentials = {};
    });
    rfb.addEventListener("desktopname", e => {
        element("name").textContent = e.detail.name;
        document.title = e.detail.name;
    });
    rfb.addEventListener("clipboard", e => guestCopied(e.detail.text));
    // Only servers that let viewers do so say that they can.
    rfb.addEventListener("capabilities", e => {
        element("power").hidden = !e.detail.capabilities.power;
    });
    enable(false);
}

function connected() {
    opened = true;
    attempts = 0;
    element("login").hidden = true;
    status("Connected.");
    enable(true);
    rfb.focus();
    sayWhetherItFollows();
}

// Where the machine's display keeps its size whatever is asked for, the picture is made to fit.
function sayWhetherItFollows() {
    const place = element("screen"), canvas = place.querySelector("canvas");

    clearTimeout(follow);
    if (!opened || !canvas || element("size").value !== "resize")
        return;
    // Some displays have widths of whole characters only.
    if (Math.abs(canvas.width - place.clientWidth) <= 8 && Math.abs(canvas.height - place.clientHeight) <= 8)
        status("Connected.");
    else
        follow = setTimeout(() => status(`Its size stays ${canvas.width} × ${canvas.height}.`), FOLLOW_MS);
}

// A slow machine follows later.
new MutationObserver(sayWhetherItFollows).observe(element("screen"),
                                                  {subtree: true, attributeFilter: ["width", "height"]});

function disconnected(e) {
    const was = opened;

    rfb = null;
    opened = false;
    clearTimeout(follow);
    stopTyping();
    element("login").hidden = true;
    enable(false);
    if (!wanted) {
        status("Disconnected.");
        message("You have disconnected. The machine goes on running.");
    } else if (failure) {
        status("Not let in.");
        message("The server did not let you in.", failure);
    } else if ((was || attempts) && attempts < RECONNECT_WAITS.length) {
        const wait = RECONNECT_WAITS[attempts++];
        status("The connection was lost.");
        message("The connection was lost.", `Trying again in ${wait} s…`, "Connect now");
        retry = setTimeout(connect, wait * 1000);
    } else {
        status("Not connected.");
        message(e.detail.clean ? "The server has closed the connection."
                               : "The server cannot be reached.",
                "The machine may have been switched off, or another viewer may have it alone.");
    }
}

function askCredentials(e) {
    const user = e.detail.types.includes("username");

    element("user-row").hidden = !user;
    element("login").hidden = false;
    status("Waiting for the password.");
    element(user ? "user" : "password").focus();
}

element("login").addEventListener("submit", e => {
    e.preventDefault();
    credentials = {username: element("user").value, password: element("password").value};
    element("password").value = "";
    element("login").hidden = true;
    status("Connecting…");
    if (rfb)
        rfb.sendCredentials(credentials);
});

element("again").addEventListener("click", () => {
    attempts = 0;
    connect();
});

element("connect").addEventListener("click", () => {
    if (!rfb) {
        attempts = 0;
        connect();
        return;
    }
    wanted = false;
    clearTimeout(retry);
    rfb.disconnect();
});

// ---- settings ----------------------------------------------------------------------------------

function remembered(id) {
    try {
        const value = localStorage.getItem(`vemu.${id}`);
        if ([...element(id).options].some(option => option.value === value))
            element(id).value = value;
    } catch {
        // A browser that keeps nothing: the first choice stands.
    }
}

function applySettings() {
    if (!rfb)
        return;
    const size = element("size").value;
    [rfb.qualityLevel, rfb.compressionLevel] = qualities[element("quality").value];
    rfb.scaleViewport = size !== "actual";
    rfb.resizeSession = size === "resize";
    rfb.clipViewport = false;
    // A panel must not make the machine's screen smaller: it goes over it.
    document.body.classList.toggle("resizes", size === "resize");
    if (opened)
        status("Connected.");
    sayWhetherItFollows();
}

window.addEventListener("resize", sayWhetherItFollows);

for (const id of ["size", "quality"]) {
    remembered(id);
    element(id).addEventListener("change", () => {
        try {
            localStorage.setItem(`vemu.${id}`, element(id).value);
        } catch {
            // As above.
        }
        applySettings();
    });
}

// ---- the bar -----------------------------------------------------------------------------------

const panels = ["keys", "clipboard", "help"];

function openPanel(which) {
    for (const id of panels) {
        const open = id === which && element(`${id}-panel`).hidden;
        element(`${id}-panel`).hidden = !open;
        element(id).setAttribute("aria-expanded", open);
    }
    if (which !== "keys")
        releaseKeys();
}

for (const id of panels)
    element(id).addEventListener("click", () => openPanel(id));

element("menu").addEventListener("click", () => {
    const open = element("tools").classList.toggle("open");
    element("menu").setAttribute("aria-expanded", open);
});

element("cad").addEventListener("click", () => {
    rfb.sendCtrlAltDel();
    rfb.focus();
});

element("power-button").addEventListener("click", () => {
    rfb.machineShutdown();
    rfb.focus();
});

element("reset").addEventListener("click", () => {
    if (confirm("Reset the machine? What it has not saved is lost."))
        rfb.machineReset();
    rfb.focus();
});

releaseKeys = makeKeys(element("held"), element("pressed"), (keysym, code, down) => {
    if (rfb && opened)
        rfb.sendKey(keysym, code, down);
});

element("full").addEventListener("click", async () => {
    if (document.fullscreenElement) {
        document.exitFullscreen();
        return;
    }
    try {
        await document.documentElement.requestFullscreen();
        // Keys such as Alt+Tab and Esc are the machine's then, where the browser offers that.
        await navigator.keyboard?.lock?.();
    } catch {
        if (!document.fullscreenElement)
            status("This browser does not allow full screen here.");
    }
    rfb?.focus();
});

document.addEventListener("fullscreenchange", () => {
    element("full").textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
    document.body.classList.toggle("full", document.fullscreenElement !== null);
    if (!document.fullscreenElement)
        navigator.keyboard?.unlock?.();
});

// The way back from the screen for who has no mouse; before the engine sees it.
window.addEventListener("keydown", e => {
    if (!(e.ctrlKey && e.altKey && e.shiftKey && e.code === "KeyM"))
        return;
    e.preventDefault();
    e.stopImmediatePropagation();
    rfb?.blur();
    if (getComputedStyle(element("menu")).display !== "none") {
        element("tools").classList.add("open");
        element("menu").setAttribute("aria-expanded", true);
    }
    element("handle").focus(); // in full screen: the bar appears
    element(opened ? "cad" : "help").focus();
}, true);

// ---- clipboard ---------------------------------------------------------------------------------

function note(text) {
    element("clip-note").textContent = text;
}

async function guestCopied(text) {
    element("clip").value = text;
    try {
        await navigator.clipboard.writeText(text);
        note("The machine copied this. It is on this computer's clipboard, too.");
    } catch {
        note("The machine copied this.");
    }
}

element("clip-send").addEventListener("click", () => {
    rfb.clipboardPasteFrom(element("clip").value);
    note("The machine has it on its clipboard now, if it has one.");
});

let typing = 0; // the timer, while text is being typed

function stopTyping() {
    clearInterval(typing);
    typing = 0;
    element("clip-type").textContent = "Type it";
}

element("clip-type").addEventListener("click", () => {
    const text = [...element("clip").value.replace(/\r\n?/g, "\n")];
    const keys = text.map(keysymOf).filter(Boolean);
    let typed = 0;

    if (typing) {
        stopTyping();
        return;
    }
    element("clip-type").textContent = "Stop typing";
    typing = setInterval(() => {
        if (typed < keys.length) {
            rfb.sendKey(keys[typed], null, true);
            rfb.sendKey(keys[typed++], null, false);
        }
        note(typed < keys.length ? `${typed} of ${keys.length} characters were typed.`
                                 : `${typed} characters were typed.`);
        if (typed === keys.length)
            stopTyping();
    }, TYPE_MS);
});

element("clip-read").addEventListener("click", async () => {
    try {
        element("clip").value = await navigator.clipboard.readText();
        rfb.clipboardPasteFrom(element("clip").value);
        note("The machine has it on its clipboard now, if it has one.");
    } catch {
        note("The browser does not give it: paste it into the field above.");
    }
});

element("clip-copy").addEventListener("click", async () => {
    try {
        await navigator.clipboard.writeText(element("clip").value);
        note("It is on this computer's clipboard now.");
    } catch {
        element("clip").select();
        note("The browser does not allow it: copy what is marked above.");
    }
});

// ---- start -------------------------------------------------------------------------------------

try {
    RFB = (await import("/viewer/core/rfb.js")).default;
} catch (e) {
    console.error(e);
    status("There is no viewer.");
    message("This build of vemu has no viewer for browsers.",
            "It was made where noVNC could not be fetched. In its build directory, \"make viewer\" tries again; " +
            "\"make viewer NOVNC=FILE\" takes the npm package @novnc/novnc from a file.\n" +
            "Until then any VNC viewer can connect to this same address.", "");
}
enable(false);
connect();
