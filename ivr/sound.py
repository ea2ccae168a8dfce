"""What makes a recording a prompt: the telephone's form, one loudness, close edges without clicks.

Loudness is programme loudness after ITU-R BS.1770-4, for one channel at any rate.

Prompts are brought to LOUDNESS, the telephone's own target instead of streaming's −16 LUFS. In
G.711 a sine at full scale is +3.14 dBm0, so speech with a mean square of x dB (full scale 0 dB)
lies at x + 6.15 dBm0. Telephone networks are built for speech of −20 to −15 dBm0, and what may be
sent into them for long is −13 dBm0 (ITU-T V.2, for data). At −22 LUFS our prompts lie at −14.6 dBm0
while somebody speaks: clear, close to an agent's voice, with 17 dB left for the peaks. −16 LUFS
would be −8.6 dBm0, above that limit, with clipped peaks, and every announcement would be louder
than the person who comes after it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ivr.wav import TELEPHONE_RATE

Samples = npt.NDArray[np.float32]
_Spectrum = npt.NDArray[np.complex128]

LOUDNESS = -22.0
"""LUFS of every prompt."""
PEAK_LEVEL = -2.0
"""dBFS that no sample exceeds."""


_BLOCK = 0.4  # seconds
_STEP = 0.1  # blocks overlap by three quarters
_ABSOLUTE_GATE = -70.0  # LUFS
_RELATIVE_GATE = -10.0  # LU under the loudness of what passed the absolute gate
_OFFSET = -0.691  # makes a 997 Hz sine at 0 dBFS −3.01 LUFS, as the standard wants


class NoSound(Exception):
    """Nothing but silence."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Seconds of silence kept before the first sound and after the last."""

    lead: float
    tail: float


WHOLE = Cut(0.05, 0.20)
"""Of a prompt: a jitter buffer may eat the first frames, and a sentence is followed by a breath."""
CLOSE = Cut(0.01, 0.03)
"""Of a part, so that parts follow each other as syllables do."""


def _trim(samples: Samples, cut: Cut) -> Samples:
    """Cut the silence at both ends, leaving what `cut` says; no offset, no click."""
    frame = TELEPHONE_RATE // 200  # 5 ms
    sound = samples - samples.mean()
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame)
    power = (frames.astype(np.float64) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > power.max(initial=0.0) / 10_000)  # 40 dB under the loudest
    start, end = loud[0] * frame, (loud[-1] + 1) * frame
    spoken = sound[max(0, start - frame) : end + frame].copy()
    ramp = np.linspace(0, 1, frame, dtype=np.float32)
    spoken[:frame] *= ramp
    spoken[-frame:] *= ramp[::-1]
    silence = np.zeros(TELEPHONE_RATE, dtype=np.float32)
    head, tail = int(cut.lead * TELEPHONE_RATE), int(cut.tail * TELEPHONE_RATE)
    return np.concatenate([silence[:head], spoken, silence[:tail]])


def telephone_sound(samples: Samples, rate: int, cut: Cut = WHOLE) -> npt.NDArray[np.int16]:
    """Bring speech of any rate to the telephone's form and to the one loudness.

    Raises NoSound when there is nothing but silence.
    """
    if not np.any(samples):
        raise NoSound("there is nothing but silence")
    sound = _trim(resampled(samples, rate, TELEPHONE_RATE), cut)
    sound = sound * 10 ** ((LOUDNESS - loudness(sound, TELEPHONE_RATE)) / 20)
    ceiling = 10 ** (PEAK_LEVEL / 20)
    if np.abs(sound).max() > ceiling:  # a crack: bend it, or the rest would have to be quieter
        sound = ceiling * np.tanh(sound / ceiling)
    return np.round(sound * 32767).astype(np.int16)


def loudness(samples: Samples, rate: int) -> float:
    """Gated loudness in LUFS of samples in −1…1; −inf for silence.

    The standard's gates need blocks of 400 ms; anything shorter is one block by itself, since
    one spoken syllable lasts half of that.
    """
    power = _block_power(_k_weighted(samples, rate), rate)
    power = power[_lufs(power) > _ABSOLUTE_GATE]
    if power.size:
        power = power[_lufs(power) > _lufs(power.mean()) + _RELATIVE_GATE]
    return float(_lufs(power.mean())) if power.size else -np.inf


def resampled(samples: Samples, rate: int, wanted: int) -> Samples:
    """Another rate by way of the spectrum: all that fits below the new half rate, and no more."""
    if rate == wanted:
        return samples
    # The spectrum goes round: silence keeps the ends apart, and whole seconds fit both rates.
    silence = rate + -samples.size % rate
    padded = np.pad(samples, (0, silence))
    size = padded.size // rate * wanted
    spectrum = np.fft.rfft(padded)[: size // 2 + 1]
    spectrum = np.pad(spectrum, (0, size // 2 + 1 - spectrum.size))
    sound = np.fft.irfft(spectrum, size) * (size / padded.size)
    return sound[: round(samples.size * wanted / rate)].astype(np.float32)


def _lufs(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        lufs: npt.NDArray[np.float64] = _OFFSET + 10 * np.log10(power)
    return lufs


def _block_power(samples: npt.NDArray[np.float64], rate: int) -> npt.NDArray[np.float64]:
    size, step = round(_BLOCK * rate), round(_STEP * rate)
    if samples.size <= size:
        return np.array([np.mean(samples**2)] if samples.size else [])
    blocks = np.lib.stride_tricks.sliding_window_view(samples, size)[::step]
    power: npt.NDArray[np.float64] = (blocks**2).mean(axis=1)
    return power


def _k_weighted(samples: Samples, rate: int) -> npt.NDArray[np.float64]:
    """The head's and the ear's filters, applied in the frequency domain."""
    size = samples.size + rate  # a second of zeros: what rings on does not come in at the front
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    response = _high_shelf(z, rate) * _high_pass(z, rate)
    weighted: npt.NDArray[np.float64] = np.fft.irfft(np.fft.rfft(samples, size) * response, size)
    return weighted[: samples.size]


# The two filters of the standard are given for 48 kHz; these are the analogue ones behind them
# (gain in dB, corner in Hz, quality), so that they can be made for any rate.


def _high_shelf(z: _Spectrum, rate: int) -> _Spectrum:
    gain, corner, quality = 3.99984385397, 1681.9744509555319, 0.7071752369554193
    k = np.tan(np.pi * corner / rate)
    high, band = 10 ** (gain / 20), 10 ** (gain / 20 * 0.499666774155)
    a0 = 1 + k / quality + k * k
    upper = (high + band * k / quality + k * k) + 2 * (k * k - high) * z
    upper = upper + (high - band * k / quality + k * k) * z**2
    lower = a0 + 2 * (k * k - 1) * z + (1 - k / quality + k * k) * z**2
    response: _Spectrum = upper / lower
    return response


def _high_pass(z: _Spectrum, rate: int) -> _Spectrum:
    corner, quality = 38.13547087613982, 0.5003270373253953
    k = np.tan(np.pi * corner / rate)
    a0 = 1 + k / quality + k * k
    lower = a0 + 2 * (k * k - 1) * z + (1 - k / quality + k * k) * z**2
    response: _Spectrum = a0 * (1 - 2 * z + z**2) / lower
    return response
