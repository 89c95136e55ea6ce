"""Themes: readable for all eyes, of one's own, switched between."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from scenes import World, shows

from conduit_tui.config.errors import ConfigError
from conduit_tui.tui import theming, user_themes
from conduit_tui.tui.app import ConduitApp
from conduit_tui.tui.colors import COLOR_NAMES, contrast
from conduit_tui.tui.preferences import Preferences
from conduit_tui.tui.theme import COLORS
from tests.waiting import until

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
EYES: dict[str, Sequence[Sequence[float]]] = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip
APART = 15  # in CIELAB; side by side, eyes tell about 2 apart


def linear(color: str) -> list[float]:
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def seen(color: str, eyes: str) -> list[float]:
    light = linear(color)
    return [min(1, max(0, sum(a * b for a, b in zip(row, light, strict=True)))) for row in EYES[eyes]]


def as_hex(light: Sequence[float]) -> str:
    channels = [12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in light]
    return "#" + "".join(f"{round(c * 255):02x}" for c in channels)


def lab(light: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = light
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: str, other: str, eyes: str) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(lab(seen(one, eyes)), lab(seen(other, eyes)), strict=True)) ** 0.5)


def test_contrast_is_what_the_definition_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("eyes", list(EYES))
@pytest.mark.parametrize("theme", list(COLORS))
def test_every_text_can_be_read(theme: str, eyes: str) -> None:
    colors = COLORS[theme]
    for name, color in colors.words.items():
        for ground, under in colors.grounds.items():
            found = contrast(as_hex(seen(color, eyes)), as_hex(seen(under, eyes)))
            assert found >= user_themes.READABLE - 0.05, f"{name} on {ground}: {found:.2f}"


@pytest.mark.parametrize("eyes", list(EYES))
@pytest.mark.parametrize("theme", list(COLORS))
def test_good_warning_and_bad_stay_apart(theme: str, eyes: str) -> None:
    colors = COLORS[theme]
    for one, other in itertools.combinations((colors.good, colors.warn, colors.bad), 2):
        assert distance(one, other, eyes) >= APART, (one, other)
    for one, other in itertools.combinations(colors.parts, 2):
        assert distance(one, other, eyes) >= APART / 2, (one, other)


def test_the_colors_from_before_would_not_have_been_apart() -> None:
    assert distance("#8fce9b", "#f0857d", "deuteranopia") < APART


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("mine", "[colors]\naccent = 3\n", "mine.toml:2:1: colors.accent: must be a colour such as '#8ab4f8', not 3"),
        ("mine", '[colors]\nacent = "#ffffff"\n', "colors.acent: there is no such colour; did you mean 'accent'?"),
        ("mine", '[colors]\naccent = "red"\n', "not 'red'"),
        ("mine", '[colors]\nparts = ["#ffffff"]\n', "must be a list of 6 colours"),
        ("mine", 'based_on = "drak"\n', "based_on: must be one of dark, light, high-contrast, not 'drak'"),
        ("mine", "base = 1\n", "base: there is no such key; did you mean 'based_on'?"),
        ("mine", "colors = 1\n", "colors: must be a table"),
        ("mine", "[colors\n", "mine.toml:1:8: "),
        ("dark", "", "'dark' is built in; give yours another name"),
        ("My Theme", "", "a theme's name is small letters"),
    ],
)
def test_a_theme_that_is_wrong_is_told_of(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        user_themes.load(write(tmp_path, name, text))
    assert words in str(caught.value)
    found = user_themes.load_all(tmp_path)
    assert (found.themes, len(found.problems)) == ({}, 1)


def test_a_theme_of_ones_own_says_what_differs(tmp_path: Path) -> None:
    parts = ", ".join(f'"#{n}{n}{n}{n}{n}{n}"' for n in range(1, 7))
    write(tmp_path, "mine", f'based_on = "light"\n[colors]\naccent = "#aa0000"\nparts = [{parts}]\n')
    mine = user_themes.load_all(tmp_path).themes["mine"]
    assert (mine.accent, mine.parts[0], mine.text, mine.dark) == ("#aa0000", "#111111", COLORS["light"].text, False)
    for name in COLOR_NAMES:
        assert user_themes.load(write(tmp_path, "each", f'[colors]\n{name} = "#123456"\n'))
    assert user_themes.load_all(tmp_path / "nothing") == user_themes.UserThemes({})
    assert user_themes.hard_to_read(COLORS["dark"]) == []
    grey = user_themes.load(write(tmp_path, "grey", '[colors]\nmuted = "#333333"\n'))
    assert any("muted on background has a contrast of" in each for each in user_themes.hard_to_read(grey))


@pytest.mark.anyio
async def test_the_chosen_theme_draws_and_t_goes_through_all(busy: World, tmp_path: Path) -> None:
    write(tmp_path, "evening", '[colors]\naccent = "#ffb86c"\n')
    made = busy.app()
    app = ConduitApp(
        made._connect, now=made.now, preferences=Preferences(theme="evening"),
        themes=user_themes.load_all(tmp_path).themes,
    )  # fmt: skip
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "SESSIONS")
        assert app.theme == "conduit-evening"
        assert "#ffb86c" in app.export_screenshot().lower()
        seen_themes = []
        for _ in theming.names(app):
            await pilot.press("T")
            await pilot.pause()
            seen_themes.append(app.theme.removeprefix("conduit-"))
        assert sorted(seen_themes) == sorted([*user_themes.BUILT_IN, "evening"])
        assert app.theme == "conduit-evening"
        await pilot.press("colon", *"theme: light", "enter")
        await until(lambda: app.theme == "conduit-light")


@pytest.mark.anyio
async def test_an_unknown_theme_leaves_the_terminals_own_and_is_told_of(busy: World) -> None:
    made = busy.app()
    app = ConduitApp(made._connect, now=made.now, preferences=Preferences(theme="nowhere"))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "SESSIONS")
        while not (told := [notice.message for notice in app._notifications]):
            await pilot.pause(0.02)
        assert told == ["screen.theme: there is no theme 'nowhere'"]
        assert app.theme == app.profile.theme
