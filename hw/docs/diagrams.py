"""Draw the SVGs of this folder: `python hw/docs/diagrams.py`. White ground, dark strokes: readable on paper and on any page.

A test draws them again and compares, so change this file and never an SVG.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

INK, PAPER, PALE, SAFE = "#111111", "#ffffff", "#eef3f8", "#fdeeee"


class Drawing:
    """Coordinates are pixels, y downwards. Every method returns nothing and draws at once."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            'font-family="sans-serif" font-size="13">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
            '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
        ]

    def svg(self) -> str:
        return "\n".join([*self._parts, "</svg>\n"])

    def text(self, x: float, y: float, *lines: str, size: int = 13, anchor: str = "middle") -> None:
        for n, line in enumerate(lines):
            self._parts.append(
                f'<text x="{x:g}" y="{y + 15 * n:g}" font-size="{size}" text-anchor="{anchor}" fill="{INK}">{escape(line)}</text>'
            )

    def wire(self, *points: tuple[float, float], arrow: bool = False, dashed: bool = False) -> None:
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        more = (' marker-end="url(#a)"' if arrow else "") + (' stroke-dasharray="5 4"' if dashed else "")
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{INK}" stroke-width="1.4"{more}/>')

    def dot(self, x: float, y: float) -> None:
        self._parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="3" fill="{INK}"/>')

    def box(self, x: float, y: float, width: float, height: float, *lines: str, fill: str = PALE) -> None:
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" fill="{fill}" stroke="{INK}"/>'
        )
        self.text(x + width / 2, y + height / 2 + 5 - 7.5 * (len(lines) - 1), *lines)

    def resistor(self, x: float, y: float, label: str, *, vertical: bool = False) -> None:
        """Centred there, 40 long."""
        width, height = (12, 40) if vertical else (40, 12)
        self._parts.append(
            f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width}" height="{height}" fill="{PAPER}" stroke="{INK}"/>'
        )
        if vertical:
            self.text(x + 11, y + 5, label, anchor="start")
        else:
            self.text(x, y - 11, label)

    def capacitor(self, x: float, y: float, label: str) -> None:
        """Upright, plates at y -4 and +4."""
        for plate in (-4, 4):
            self.wire((x - 12, y + plate), (x + 12, y + plate))
        self.text(x - 17, y + 5, label, anchor="end")

    def diode(self, x: float, y: float, label: str, *, backwards: bool = False) -> None:
        """Lying, 20 long; the bar is on the right, or backwards on the left."""
        a, b = (x + 10, x - 10) if backwards else (x - 10, x + 10)
        self._parts.append(
            f'<path d="M{a:g},{y - 8:g} L{b:g},{y:g} L{a:g},{y + 8:g} z" fill="{PAPER}" stroke="{INK}"/>'
        )
        self.wire((b, y - 8), (b, y + 8))
        self.text(x, y - 13, label)

    def amplifier(self, x: float, y: float, label: str, *, below: float = 48) -> None:
        """Inputs at (x, y -12) and (x, y +12), output at (x +56, y). below: how far its label is."""
        self._parts.append(
            f'<path d="M{x:g},{y - 30:g} L{x + 56:g},{y:g} L{x:g},{y + 30:g} z" fill="{PALE}" stroke="{INK}"/>'
        )
        self.text(x + 10, y - 7, "+")
        self.text(x + 10, y + 17, "−")
        self.text(x + 26, y + below, label, size=12)

    def ground(self, x: float, y: float, label: str = "") -> None:
        for n, half in enumerate((10, 6, 2)):
            self.wire((x - half, y + 4 * n), (x + half, y + 4 * n))
        if label:
            self.text(x, y + 24, label, size=12)


def block() -> Drawing:
    d = Drawing(860, 400, "Pilotline: what is where in a charger")
    d.box(20, 40, 180, 130, "Raspberry Pi", "safety process", "station process", "(network, records)")
    d.box(300, 30, 150, 50, "pilot driver ±12 V", "pilot-driver.md")
    d.box(300, 110, 150, 50, "divider, hold, ADC", "pilot-driver.md")
    d.box(680, 30, 150, 130, "socket (or cable)", "CP, PP, lock", "PE, N, L1–L3")
    d.box(300, 200, 150, 70, "hardware gate", "one-shot, RCD latch,", "safety-gate.md", fill=SAFE)
    d.box(500, 200, 120, 70, "interposing", "relay K1", fill=SAFE)
    d.box(680, 200, 150, 70, "contactor", "4 poles,", "mirror contact", fill=SAFE)
    d.box(680, 320, 150, 60, "mains: RCD, fuses,", "MID meter", fill=SAFE)
    d.box(20, 320, 180, 60, "meter (RS-485), reader,", "lock, temperature")
    d.wire((200, 55), (300, 55), arrow=True)
    d.text(250, 48, "CP_PWM, CP_EN", size=11)
    d.wire((450, 55), (680, 55), arrow=True)
    d.text(565, 48, "CP", size=11)
    d.wire((680, 135), (450, 135), arrow=True)
    d.text(565, 128, "CP, PP", size=11)
    d.wire((300, 135), (200, 135), arrow=True)
    d.text(250, 128, "I²C or SPI", size=11)
    d.wire((160, 170), (160, 225), (300, 225), arrow=True)
    d.text(230, 218, "enable, kick", size=11)
    d.wire((450, 235), (500, 235), arrow=True)
    d.wire((620, 235), (680, 235), arrow=True)
    d.text(650, 228, "coil", size=11)
    d.wire((438, 200), (438, 80), arrow=True, dashed=True)
    d.text(444, 98, "cuts CP too", size=11, anchor="start")
    d.wire((755, 200), (755, 160), arrow=True)
    d.wire((755, 320), (755, 270), arrow=True)
    d.wire((720, 270), (720, 295), (110, 295), (110, 170), arrow=True)
    d.text(480, 290, "mirror contact, RCD trip, mains present, e-stop: read by the Pi", size=11)
    d.wire((60, 320), (60, 170), arrow=True)
    d.wire((680, 350), (200, 350), arrow=True)
    return d


def pilot() -> Drawing:
    d = Drawing(940, 430, "Control pilot: driver, source resistor, switch, divider")
    d.text(80, 58, "CP_PWM", "GPIO12")
    d.wire((30, 88), (170, 88))
    d.dot(50, 88)
    d.wire((50, 88), (50, 120))
    d.resistor(50, 140, "10 k", vertical=True)
    d.wire((50, 160), (50, 176))
    d.ground(50, 176)
    d.amplifier(170, 100, "±12 V, rail to rail")
    d.wire((140, 112), (170, 112))
    d.text(136, 116, "1.65 V", size=11, anchor="end")
    d.wire((226, 100), (280, 100))
    d.resistor(300, 100, "R1 1 k 1 %")
    d.wire((320, 100), (400, 100))
    d.text(390, 88, "NO", size=11)
    d.dot(400, 100)
    d.dot(400, 150)
    d.text(384, 160, "NC", size=11)
    d.wire((450, 100), (404, 124))
    d.dot(450, 100)
    d.text(452, 60, "CP_EN relay: on = GPIO17", "AND one-shot", size=12)
    d.wire((400, 150), (400, 170))
    d.resistor(400, 190, "10 k", vertical=True)
    d.wire((400, 210), (400, 230))
    d.ground(400, 230, "PE")
    d.wire((450, 100), (860, 100))
    d.dot(860, 100)
    d.text(860, 88, "CP terminal")
    d.dot(800, 100)
    d.wire((800, 100), (800, 160))
    d.box(776, 160, 48, 34, "TVS")
    d.wire((800, 194), (800, 230))
    d.ground(800, 230, "PE")
    d.dot(560, 100)
    d.wire((560, 100), (560, 150))
    d.resistor(560, 170, "100 k 0.1 %", vertical=True)
    d.wire((560, 190), (560, 290), (640, 290))
    d.dot(560, 240)
    d.wire((560, 240), (500, 240), (500, 220))
    d.resistor(500, 200, "24.9 k", vertical=True)
    d.wire((500, 180), (500, 160))
    d.text(500, 152, "3.3 V", size=12)
    d.dot(560, 290)
    d.wire((560, 290), (560, 320))
    d.resistor(560, 340, "33.2 k", vertical=True)
    d.wire((560, 360), (560, 376))
    d.ground(560, 376)
    d.amplifier(640, 302, "buffer, 3.3 V", below=66)
    d.wire((696, 302), (790, 302), arrow=True)
    d.dot(716, 302)
    d.wire((716, 302), (716, 348), (628, 348), (628, 314), (640, 314))
    d.text(796, 296, "V_adc = (V_cp + 13.2) / 8", "to hold circuit or SAR ADC", anchor="start", size=11)
    return d


def hold() -> Drawing:
    d = Drawing(820, 540, "Peak hold of both plateaus, time constant 47 ms, resting at 0 V of pilot")
    for y, name, backwards in ((100, "high plateau", False), (300, "low plateau", True)):
        d.text(60, y - 62, name, anchor="start")
        d.text(40, y - 20, "V_adc", size=12)
        d.wire((20, y - 12), (90, y - 12))
        d.amplifier(90, y, "±12 V, ≥ 5 MHz")
        d.wire((146, y), (200, y))
        d.diode(210, y, "1N4148", backwards=backwards)
        d.wire((220, y), (270, y))
        d.resistor(290, y, "47 Ω")
        d.wire((310, y), (560, y))
        d.dot(380, y)
        d.wire((380, y), (380, y + 36))
        d.capacitor(380, y + 40, "470 nF film")
        d.wire((380, y + 44), (380, y + 70))
        d.ground(380, y + 70)
        d.dot(450, y)
        d.wire((450, y), (450, y + 20))
        d.resistor(450, y + 40, "100 k", vertical=True)
        d.wire((450, y + 60), (450, y + 72))
        d.text(450, y + 88, "1.65 V", size=12)
        d.resistor(510, y, "10 k")
        d.dot(350, y)
        d.wire((350, y), (350, y - 48), (74, y - 48), (74, y + 12), (90, y + 12))
        d.amplifier(560, y + 12, "buffer, 3.3 V", below=66)
        d.wire((616, y + 12), (700, y + 12), arrow=True)
        d.dot(632, y + 12)
        d.wire((632, y + 12), (632, y + 52), (548, y + 52), (548, y + 24), (560, y + 24))
        d.text(706, y + 10, f"AIN{int(backwards)}", f"{name.partition(' ')[0]}_channel", anchor="start", size=12)
    d.text(60, 430, "rest point", anchor="start")
    d.text(150, 450, "3.3 V", size=12)
    d.wire((170, 446), (200, 446))
    d.resistor(220, 446, "10 k 1 %")
    d.wire((240, 446), (380, 446))
    d.dot(290, 446)
    d.wire((290, 446), (290, 464))
    d.resistor(290, 484, "10 k 1 %", vertical=True)
    d.wire((290, 504), (290, 516))
    d.ground(290, 516)
    d.amplifier(380, 458, "buffer, 3.3 V", below=66)
    d.wire((436, 458), (500, 458), arrow=True)
    d.dot(452, 458)
    d.wire((452, 458), (452, 498), (368, 498), (368, 470), (380, 470))
    d.text(506, 456, "1.65 V: 0 V of pilot,", "to both 100 k", anchor="start", size=12)
    return d


def gate() -> Drawing:
    d = Drawing(980, 520, "Hardware gate: what opens the contactor without a program")
    d.text(20, 40, "GPIO20 kick", anchor="start")
    d.wire((20, 60), (170, 60), arrow=True)
    d.box(170, 36, 170, 50, "one-shot 74HC123", "430 k, 1 µF: 194 ms", fill=SAFE)
    d.text(20, 122, "RCD trip (high;", "of two: their OR)", anchor="start")
    d.wire((20, 150), (170, 150))
    d.dot(150, 150)
    d.box(170, 130, 60, 60, "AND", fill=SAFE)
    d.text(20, 222, "GPIO16 enable", anchor="start")
    d.wire((20, 240), (420, 240))
    d.dot(135, 240)
    d.wire((135, 240), (135, 174), (170, 174))
    d.wire((230, 160), (280, 160), arrow=True)
    d.text(255, 152, "set", size=11)
    d.box(280, 130, 100, 60, "trip latch", "74HC74", fill=SAFE)
    d.wire((330, 222), (330, 190), arrow=True)
    d.text(322, 212, "reset: a button", "in the enclosure", size=11, anchor="end")
    d.wire((60, 240), (60, 262))
    d.dot(60, 240)
    d.resistor(60, 282, "10 k", vertical=True)
    d.wire((60, 302), (60, 316))
    d.ground(60, 316)
    d.box(470, 40, 90, 230, "AND", "of four", fill=SAFE)
    d.wire((340, 60), (470, 60), arrow=True)
    d.text(450, 54, "alive", size=11)
    d.wire((150, 150), (150, 108), (470, 108), arrow=True)
    d.text(433, 102, "not tripped", size=11)
    d.wire((380, 160), (470, 160), arrow=True)
    d.text(433, 154, "not latched", size=11)
    d.wire((420, 240), (470, 240), arrow=True)
    d.text(440, 234, "enable", size=11)
    d.wire((560, 155), (610, 155), arrow=True)
    d.box(610, 130, 110, 50, "interposing", "relay K1")
    d.wire((720, 155), (760, 155), arrow=True)
    d.box(760, 130, 90, 50, "e-stop", "contact", fill=SAFE)
    d.wire((850, 155), (880, 155), arrow=True)
    d.box(880, 130, 86, 50, "contactor", "coil")
    d.wire((923, 180), (923, 330), (560, 330), arrow=True)
    d.text(740, 322, "mirror (NC) and auxiliary (NO) contact", size=12)
    d.text(552, 335, "to GPIO22, GPIO23", anchor="end")
    d.text(20, 400, "GPIO17 CP_EN", anchor="start")
    d.wire((20, 420), (470, 420), arrow=True)
    d.dot(394, 60)
    d.wire((394, 60), (394, 448), (470, 448), arrow=True)
    d.box(470, 405, 90, 60, "AND", fill=SAFE)
    d.wire((560, 435), (610, 435), arrow=True)
    d.box(610, 410, 150, 50, "CP_EN relay", "off: CP to PE by 10 k")
    d.text(
        490,
        492,
        "Each gate input that comes from a wire has 10 k to the level that opens.",
        "All of it is on 3.3 V of its own, not on the Pi's.",
        size=12,
    )
    return d


ALL = {"block": block, "pilot": pilot, "hold": hold, "gate": gate}

if __name__ == "__main__":
    for name, draw in ALL.items():
        (Path(__file__).parent / f"{name}.svg").write_text(draw().svg(), encoding="utf-8")
