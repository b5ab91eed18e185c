"""Reads the text of a picture of the guest's screen: exact cells of the known font (build/font), and no other."""
import re

import sluice

WIDE, HIGH, FIRST = 8, 16, 0x20


def glyphs():
    font = (sluice.ROOT / "build/font").read_bytes()
    return {font[i:i + HIGH]: chr(FIRST + i // HIGH) for i in range(0, len(font), HIGH)}


def ppm(path):
    """Width, height and the rows of a PPM of 8 bits RGB: QEMU's. (Its PNG takes Python a second to read, and many on a busy host.)"""
    data = path.read_bytes()
    head = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data)
    width, height, pixels = int(head[1]), int(head[2]), data[head.end():]
    assert len(pixels) == 3 * width * height, f"{path} is not whole"
    return width, height, [pixels[at:at + 3 * width] for at in range(0, len(pixels), 3 * width)]


def character(cell, scale, known):
    """The character that these rows of pixels are, whichever two colours it has; \ufffd for none."""
    scans = [[scan[at:at + 3] for at in range(0, len(scan), 3 * scale)] for scan in cell[::scale]]
    bits = bytes(int("".join("01"[pixel != b"\0\0\0"] for pixel in scan), 2) for scan in scans)
    if len({pixel for scan in scans for pixel in scan}) > 2:
        return "\ufffd"
    return known.get(bits, known.get(bytes(255 - byte for byte in bits), "\ufffd"))


def text(path, scale=1):
    """The lines on the picture; a cell that is no character of the font, in two colours, is \ufffd."""
    width, height, rows = ppm(path)
    known, seen, lines = glyphs(), {}, []
    for top in range(0, height - HIGH * scale + 1, HIGH * scale):
        line = ""
        for left in range(0, 3 * (width - WIDE * scale + 1), 3 * WIDE * scale):
            cell = tuple(row[left:left + 3 * WIDE * scale] for row in rows[top:top + HIGH * scale])
            if cell not in seen:
                seen[cell] = character(cell, scale, known)
            line += seen[cell]
        lines.append(line.rstrip())
    return lines


def shoot(monitor, path):
    """A picture of the guest's screen, as QEMU has it now."""
    monitor(f"screendump {path}")
    return path


def shoot_afresh(monitor, path):
    """A picture for which QEMU draws every line again. Its displays draw what is marked as written since the last picture; a
    guest's processor that is preempted between the mark and the write leaves a line as it was, and no later picture heals it.
    A display of another byte order is drawn whole; so is the one after it. (ramfb draws all at each picture, and has no id.)"""
    for order in "true", "false":
        try:
            monitor(f"qom-set /machine/peripheral/screen big-endian-framebuffer {order}")
        except AssertionError:
            pass
        shoot(monitor, path)
    return path


def firmware_cells(path, columns=100, rows=31, wide=8, high=19):
    """The cells of firmware's text console, in the middle of the picture (EDK II's mode 2), each as its pixels that are not
    of the ground; equal characters give equal cells, in inverse video too."""
    width, height, pixels = ppm(path)
    left, top = (width - columns * wide) // 2, (height - rows * high) // 2
    out = []
    for row in range(rows):
        line = []
        for column in range(columns):
            at = 3 * (left + column * wide)
            cell = [bytes(pixels[top + row * high + y][at:at + 3 * wide]) for y in range(high)]
            ground = cell[0][:3]
            line.append(tuple(scan[x:x + 3] != ground for scan in cell for x in range(0, 3 * wide, 3)))
        out.append(line)
    return out


def shows(path, lines):
    """Whether these lines stand one below the other on firmware's console: its font is not known, but what is one character
    here has to be one cell there, and different characters different cells."""
    cells = firmware_cells(path)
    blank = (False,) * len(cells[0][0])
    for top in range(len(cells) - len(lines) + 1):
        pairs = {(char, cells[top + i][x]) for i, line in enumerate(lines) for x, char in enumerate(line.ljust(100))}
        if len(pairs) == len({char for char, _ in pairs}) == len({cell for _, cell in pairs}) and (" ", blank) in pairs:
            return True
    return False
