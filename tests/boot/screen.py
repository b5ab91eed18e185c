"""Reads the text of a picture of the guest's screen: exact cells of the known font (build/font), and no other."""
import struct
import zlib

import sluice

WIDE, HIGH, FIRST = 8, 16, 0x20


def glyphs():
    font = (sluice.ROOT / "build/font").read_bytes()
    return {font[i:i + HIGH]: chr(FIRST + i // HIGH) for i in range(0, len(font), HIGH)}


def paeth(a, b, c):
    p = a + b - c
    return min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]


def png(path):
    """Width, height and the rows of a PNG of 8 bits RGB, without interlace (ISO 15948 §9): QEMU's."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG"
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + size]
        at += 12 + size
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunk)
            assert (depth, colour, interlace) == (8, 2, 0)
        elif kind == b"IDAT":
            packed += chunk
    raw, step, rows = zlib.decompress(packed), width * 3, []
    before = bytearray(step)
    for y in range(height):
        start = y * (step + 1)
        kind, row = raw[start], bytearray(raw[start + 1:start + 1 + step])
        for x in range(step if kind else 0):
            a, b, c = row[x - 3] if x >= 3 else 0, before[x], before[x - 3] if x >= 3 else 0
            row[x] = row[x] + (0, a, b, (a + b) // 2, paeth(a, b, c) if kind == 4 else 0)[kind] & 255
        rows.append(row)
        before = row
    return width, height, rows


def text(path, scale=1):
    """The lines on the picture; a cell that is no character of the font, in two colours, is \ufffd."""
    width, height, rows = png(path)
    known, lines = glyphs(), []
    for top in range(0, height - HIGH * scale + 1, HIGH * scale):
        line = ""
        for left in range(0, width - WIDE * scale + 1, WIDE * scale):
            bits, seen = bytearray(), set()
            for y in range(HIGH):
                row, byte = rows[top + y * scale], 0
                for x in range(WIDE):
                    at = 3 * (left + x * scale)
                    pixel = bytes(row[at:at + 3])
                    seen.add(pixel)
                    byte = byte << 1 | (pixel != b"\0\0\0")
                bits.append(byte)
            inverse = bytes(255 - b for b in bits)
            line += known.get(bytes(bits), known.get(inverse, "\ufffd")) if len(seen) <= 2 else "\ufffd"
        lines.append(line.rstrip())
    return lines


def shoot(monitor, path):
    """A picture of the guest's screen, as QEMU has it now."""
    monitor(f"screendump {path} -f png")
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
    width, height, pixels = png(path)
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
