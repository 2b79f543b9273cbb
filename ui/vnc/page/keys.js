/* The keys that a browser does not let through, or that a keyboard may not have, as buttons. */

// Name, X keysym, and the code by which the engine finds the scan code.
const held = [
    ["Ctrl", 0xffe3, "ControlLeft"], ["Alt", 0xffe9, "AltLeft"],
    ["AltGr", 0xfe03, "AltRight"], ["Shift", 0xffe1, "ShiftLeft"],
    ["Super", 0xffeb, "MetaLeft"],
];
const pressed = [
    ["Esc", 0xff1b, "Escape"], ["Tab", 0xff09, "Tab"], ["Enter", 0xff0d, "Enter"],
    ["Delete", 0xffff, "Delete"], ["Print", 0xff61, "PrintScreen"], ["Pause", 0xff13, "Pause"],
    ["Menu", 0xff67, "ContextMenu"],
    ...Array.from({length: 12}, (_, i) => [`F${i + 1}`, 0xffbe + i, `F${i + 1}`]),
];
// Text consoles of Linux, which browsers and desktops take for themselves.
const consoles = Array.from({length: 6}, (_, i) => i + 1);

function button(row, text, press) {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = text;
    b.addEventListener("click", () => press(b));
    row.append(b);
    return b;
}

/* send(keysym, code, down). Returns a function that lets go of what is held. */
export function makeKeys(heldRow, pressedRow, send) {
    const down = new Map();

    for (const [name, keysym, code] of held) {
        const b = button(heldRow, name, () => {
            const now = !down.has(b);
            if (now)
                down.set(b, [keysym, code]);
            else
                down.delete(b);
            b.setAttribute("aria-pressed", now);
            send(keysym, code, now);
        });
        b.setAttribute("aria-pressed", false);
    }
    for (const [name, keysym, code] of pressed) {
        button(pressedRow, name, () => {
            send(keysym, code, true);
            send(keysym, code, false);
        });
    }
    for (const n of consoles) {
        button(pressedRow, `Ctrl-Alt-F${n}`, () => {
            const chord = [held[0], held[1], pressed.find(([name]) => name === `F${n}`)];
            chord.forEach(([, keysym, code]) => send(keysym, code, true));
            chord.reverse().forEach(([, keysym, code]) => send(keysym, code, false));
        });
    }
    return () => {
        for (const [b, [keysym, code]] of down) {
            b.setAttribute("aria-pressed", false);
            send(keysym, code, false);
        }
        down.clear();
    };
}

/* A character as a keysym: Latin-1 is itself, the rest is its Unicode (X protocol, appendix A). */
export function keysymOf(character) {
    const point = character.codePointAt(0);

    if (character === "\n")
        return 0xff0d;
    if (character === "\t")
        return 0xff09;
    if ((point >= 0x20 && point <= 0x7e) || (point >= 0xa0 && point <= 0xff))
        return point;
    return point < 0x20 ? 0 : 0x01000000 | point;
}
