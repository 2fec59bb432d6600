"""Two speakers in one channel, told apart by the sound of their voices: MFCC, 2-means, then a Viterbi pass."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from callwright.transcription.vad import ENTER, RATE, WINDOW, WINDOW_SECONDS, Floats, Samples

Labels = npt.NDArray[np.int8]

COEFFICIENTS = 13
FILTERS = 30
BAND_HZ = (150.0, 3_700.0)
"""The telephone band (ITU-T G.712 has 300 to 3,400 Hz), so that a narrow and a wide line are treated alike."""
BLOCK = 4_096
"""Windows that are turned into features at a time (131 s)."""
CONTEXT = 24
"""Voiced windows on each side (1.5 s in all) whose mean and spread stand for a moment's voice."""
SWITCH_COST = 20.0
"""Log likelihood that a change of speaker must win back, which keeps it from changing within a word."""
ROUNDS = 5
MIN_VOICED_SECONDS = 10.0
"""With less voiced sound than this two voices cannot be told from one voice that says two things."""
MIN_DISTANCE = 1.25
MIN_GAIN = 4.0
MIN_GAIN_PER_STRETCH = 520.0
MIN_SHARE = 0.02
"""Two people against one: the groups lie apart (Mahalanobis), each window fits its own group better (log likelihood),
who has the floor has it for long, and both really speak. Set between calls mixed down (a real one, and made
ones of 15 to 25 s: mostly 1.4 to 2.5, 4.5 to 11.7, 527 to 1,105) and single channels; in doubt it is one voice."""


def two_voices(samples: Samples, probability: Floats) -> Labels | None:
    """Which of two voices speaks in each window, or None where there is only one voice to be heard.

    Every voiced window becomes 12 MFCCs. Their mean and spread over 1.5 s are parted by 2-means, started along the
    first principal component, so that the result never varies. Then each voice becomes one Gaussian and a Viterbi pass
    decides again window by window, a few times over.

    Args:
        samples: One channel at 16 kHz, shape (samples,); may be mapped from a file.
        probability: Of speech per window, as `vad.listen` gives it, shape (windows,).

    Returns:
        Per window 0 or 1, and -1 where nobody speaks, shape (windows,).
    """
    voiced = np.flatnonzero(probability >= ENTER)
    if len(voiced) * WINDOW_SECONDS < MIN_VOICED_SECONDS:
        return None
    features = np.concatenate(list(_mfcc(samples, voiced)))
    labels = _two_means(_context(features))
    for _ in range(ROUNDS):
        if min(np.mean(labels == 0), np.mean(labels == 1)) < MIN_SHARE:
            return None
        labels = _viterbi(_log_likelihood(features, labels == 1) - _log_likelihood(features, labels == 0))
    if not _apart(features, labels):
        return None
    result = np.full(len(probability), -1, np.int8)
    result[voiced] = labels
    return result


def _mfcc(samples: Samples, windows: npt.NDArray[np.intp]) -> Iterator[Floats]:
    """Mel frequency cepstral coefficients 1 to 12 of the given windows; 0, the loudness, says nothing of a voice."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in BAND_HZ)
    edges = 700 * (10 ** (np.linspace(lowest, highest, FILTERS + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)[None, :]
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.maximum(0, np.minimum((hertz - low) / (middle - low), (high - hertz) / (high - middle)))
    taper = np.hamming(WINDOW).astype(np.float32)
    # The orthonormal DCT-II, as a matrix of the few columns that are kept.
    angles = np.pi / FILTERS * (np.arange(FILTERS)[:, None] + 0.5) * np.arange(1, COEFFICIENTS)
    cosines = (np.sqrt(2 / FILTERS) * np.cos(angles)).astype(np.float32)
    for start in range(0, len(windows), BLOCK):
        at = windows[start : start + BLOCK, None] * WINDOW + np.arange(WINDOW)
        frames = samples[at].astype(np.float32)
        frames[:, 1:] -= 0.97 * frames[:, :-1]
        power = np.abs(np.fft.rfft(frames * taper, axis=1)).astype(np.float32) ** 2
        yield np.log(power @ filters.T.astype(np.float32) + np.float32(1.0)) @ cosines


def _context(features: Floats) -> Floats:
    """Mean and standard deviation around each window, each column brought to unit spread."""
    total = np.concatenate((np.zeros((1, features.shape[1])), np.cumsum(features, axis=0, dtype=np.float64)))
    squares = np.concatenate((np.zeros((1, features.shape[1])), np.cumsum(features.astype(np.float64) ** 2, axis=0)))
    places = np.arange(len(features))
    first, last = np.maximum(places - CONTEXT, 0), np.minimum(places + CONTEXT, len(features))
    count = (last - first)[:, None]
    mean = (total[last] - total[first]) / count
    spread = np.sqrt(np.maximum((squares[last] - squares[first]) / count - mean**2, 1e-6))
    stacked = np.concatenate((mean, spread), axis=1, dtype=np.float32)
    scaled = (stacked - stacked.mean(axis=0)) / (stacked.std(axis=0) + 1e-9)
    return np.asarray(scaled, np.float32)


def _two_means(points: Floats) -> Labels:
    """2-means, started with the halves below and above the median of the first principal component."""
    _, axes = np.linalg.eigh(points.T @ points)
    along = points @ axes[:, -1]
    labels: Labels = (along > np.median(along)).astype(np.int8)
    for _ in range(50):
        if labels.all() or not labels.any():
            break
        centres = [points[labels == voice].mean(axis=0) for voice in (0, 1)]
        distance = [((points - centre) ** 2).sum(axis=1) for centre in centres]
        moved = (distance[1] < distance[0]).astype(np.int8)
        if np.array_equal(moved, labels):
            break
        labels = moved
    return labels


def _log_likelihood(features: Floats, chosen: npt.NDArray[np.bool_]) -> Floats:
    """How well each window fits one Gaussian over the chosen ones."""
    mean = features[chosen].mean(axis=0)
    covariance = np.cov(features[chosen].T) + 1e-3 * np.eye(features.shape[1])
    off = features - mean
    distance = np.einsum("ij,ij->i", off @ np.linalg.inv(covariance), off)
    return np.asarray(-0.5 * (distance + np.linalg.slogdet(covariance)[1]), np.float32)


def _viterbi(gain: Floats) -> Labels:
    """The best course of labels, where `gain` is what label 1 wins over 0 in each window and a change costs."""
    came_from = np.zeros((len(gain), 2), np.int8)
    lead = 0.0  # of label 1 over label 0: all that the next step needs
    for place, step in enumerate(gain.tolist()):
        if lead > SWITCH_COST:
            came_from[place] = (1, 1)
            lead = SWITCH_COST
        elif lead < -SWITCH_COST:
            came_from[place] = (0, 0)
            lead = -SWITCH_COST
        else:
            came_from[place] = (0, 1)
        lead += step
    labels = np.empty(len(gain), np.int8)
    label = int(lead > 0)
    for place in range(len(gain) - 1, -1, -1):
        labels[place] = label
        label = int(came_from[place, label])
    return labels


def _apart(features: Floats, labels: Labels) -> bool:
    """Whether the two groups are two people."""
    if min(np.mean(labels == 0), np.mean(labels == 1)) < MIN_SHARE:
        return False
    distance, gain, per_stretch = separation(features, labels)
    return distance >= MIN_DISTANCE and gain >= MIN_GAIN and per_stretch >= MIN_GAIN_PER_STRETCH


def separation(features: Floats, labels: Labels) -> tuple[float, float, float]:
    """How far two groups of windows are apart.

    Returns:
        Mahalanobis distance between their means; log likelihood that a window's own group has over the other, on
        average; the same added up over a stretch between two changes.
    """
    groups = [features[labels == voice] for voice in (0, 1)]
    between = groups[0].mean(axis=0) - groups[1].mean(axis=0)
    within = (np.cov(groups[0].T) + np.cov(groups[1].T)) / 2 + 1e-6 * np.eye(features.shape[1])
    gain = _log_likelihood(features, labels == 1) - _log_likelihood(features, labels == 0)
    own = np.where(labels == 1, gain, -gain)
    distance = np.sqrt(between @ np.linalg.solve(within, between))
    stretches = max(1, int(np.count_nonzero(np.diff(labels))))
    return float(distance), float(np.mean(own)), float(np.sum(own)) / stretches
