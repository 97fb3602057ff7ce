"""Resident identity numbers of the sample town.

Reads: nothing. Writes: nothing. Refuses: nothing.
Source: GB 11643-1999 (18 digits, check character after ISO 7064 MOD 11-2; odd sequence numbers are men's).
"""

import numpy as np

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_CHARACTERS = np.array(list("10X98765432"))


def compact_dates(dates: np.ndarray) -> np.ndarray:
    """Days as integers YYYYMMDD."""
    months = dates.astype("datetime64[M]")
    month_numbers = months.astype(np.int64)
    days = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    compact: np.ndarray = (1970 + month_numbers // 12) * 10000 + (month_numbers % 12 + 1) * 100 + days
    return compact


def id_texts(stems: np.ndarray) -> list[str]:
    """Id numbers as text from their first 17 digits as integers."""
    totals = np.zeros(len(stems), dtype=np.int64)
    for place, weight in enumerate(_WEIGHTS):
        totals += stems // 10 ** (16 - place) % 10 * weight
    texts: list[str] = np.char.add(stems.astype("U17"), _CHECK_CHARACTERS[totals % 11]).tolist()
    return texts


def draw_stems(
    rng: np.random.Generator, regions: np.ndarray, births: np.ndarray, sexes: np.ndarray, taken: set[int]
) -> np.ndarray:
    """Draw the first 17 digits for each resident, unique and none of `taken`; adds them to `taken`.

    Sequence numbers stay below 990, so that a twin can have the next one of the same sex.
    """
    bases = (regions * 10**8 + compact_dates(births)) * 1000
    stems: np.ndarray = bases + _draw_sequences(rng, sexes)
    while True:
        _, first = np.unique(stems, return_index=True)
        again = np.ones(len(stems), dtype=bool)
        again[first] = False
        again |= np.fromiter(map(taken.__contains__, stems.tolist()), dtype=bool, count=len(stems))
        if not again.any():
            break
        stems[again] = bases[again] + _draw_sequences(rng, sexes[again])
    taken.update(stems.tolist())
    return stems


def _draw_sequences(rng: np.random.Generator, sexes: np.ndarray) -> np.ndarray:
    sequences: np.ndarray = rng.integers(0, 494, len(sexes)) * 2 + np.where(sexes == 1, 1, 2)
    return sequences


def twin_stem(stem: int, sex: int, taken: set[int]) -> int:
    """The next free stem of the same region and day for a twin of `sex`; adds it to `taken`."""
    twin = stem + 1
    while twin in taken or (twin % 2 == 1) != (sex == 1):
        twin += 1
    taken.add(twin)
    return twin


def draw_phones(rng: np.random.Generator, count: int, taken: set[int]) -> list[str]:
    """Draw mobile numbers, unique and none of `taken`; adds them to `taken`.

    None begins with 199: that prefix is the canaries'.
    """
    prefixes = np.array([130, 131, 133, 135, 136, 137, 138, 139, 150, 151, 158, 159, 177, 180, 181, 186, 187, 188, 189])
    phones: list[str] = []
    while len(phones) < count:
        missing = count - len(phones)
        numbers = rng.choice(prefixes, missing) * 10**8 + rng.integers(0, 10**8, missing)
        for number in numbers.tolist():
            if number not in taken:
                taken.add(number)
                phones.append(str(number))
    return phones


# Unified social credit codes -----------------------------------------------------------------------------------------

CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])
_ORGANISATION_WEIGHTS = np.array((3, 7, 9, 10, 5, 8, 4, 2))
_ORGANISATION_CHECKS = np.array(list("0X987654321"))  # by the weighted sum modulo 11


def draw_credit_codes(rng: np.random.Generator, heads: list[str], taken: set[str]) -> list[str]:
    """Draw a code behind each head (department, category, division: 8 characters), unique and none of `taken`.

    Adds them to `taken`. Source: GB 32100-2015, MOD 31-3; the organisation code inside after GB 11714-1997, MOD 11, of
    the kind that is given out since 2015 (`MA` in front).
    """
    drawn = rng.integers(0, len(CREDIT_ALPHABET), (len(heads), 6))
    codes: list[str] = []
    for head, places in zip(heads, drawn.tolist(), strict=True):
        code = _credit_code(head, places)
        while code in taken:
            code = _credit_code(head, rng.integers(0, len(CREDIT_ALPHABET), 6).tolist())
        taken.add(code)
        codes.append(code)
    return codes


def _credit_code(head: str, places: list[int]) -> str:
    organisation = "MA" + "".join(map(CREDIT_ALPHABET.__getitem__, places))
    worth = np.array([int(character, 36) for character in organisation])
    first = head + organisation + str(_ORGANISATION_CHECKS[int(worth @ _ORGANISATION_WEIGHTS) % 11])
    total = int(np.array(list(map(CREDIT_ALPHABET.index, first))) @ _CREDIT_WEIGHTS)
    return first + CREDIT_ALPHABET[-total % 31]


def mistype_credit_code(code: str) -> str:
    """Another check character."""
    return code[:-1] + CREDIT_ALPHABET[(CREDIT_ALPHABET.index(code[-1]) + 7) % 31]
