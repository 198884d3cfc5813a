"""What each figure shows, as the report says it."""

from __future__ import annotations

CAPTIONS = {
    "gains": (
        "Which degradation a method helps with: its difference to the baseline on each, averaged over data sets, with "
        "95% intervals. Filled: significant in its table; hollow: not shown to differ. A triangle points at what lies "
        "beyond the axis, with its number; one trained seed has no interval. Red crosses: failed, missing, infinite."
    ),
    "heatmap": (
        "Difference to the baseline on each data set and degradation. A red cross marks a cell that failed, is "
        "missing or is infinite."
    ),
    "forest": (
        "Whether a method helps: its difference to the baseline, paired by seed and image and averaged over "
        "degradations, with its 95% interval; references are the control. Filled: significant in its table; hollow: "
        "not shown to differ. A method with one trained seed has no interval: nothing is known about other seeds. A "
        "triangle points at what lies beyond the axis."
    ),
    "ranks": (
        "How often each method takes each rank when seeds and images are drawn anew: a ranking that depends on "
        "the draw is no result. One that does not is none either where the tables do not show a difference: the few "
        "seeds that are drawn from may all be lucky alike (\u2248: not shown to differ from the baseline)."
    ),
    "gallery": (
        "Crops chosen by rule: the image and degradation with the largest mean gain of the regularizers over the "
        "baseline, the median one and the one with the largest loss; in each, the window where the results differ "
        "most. The number in each heading is that mean gain: over the baseline, not over bicubic. Scores are of the "
        "whole image, mean over seeds; the pixels are those of the first seed. Red: where the crop lies. Below each "
        "result its error: the mean absolute difference to the ground truth, black 0, bright 64 of 255 levels."
    ),
    "curves": (
        "Training L1 loss (averaged over neighbouring iterations), L1 loss of the averaged weights on the fixed "
        "held-out batch, and the learning rate where methods differ in it; images in [0, 1]. Lines: mean over seeds; "
        "bands: from the lowest to the highest seed."
    ),
    "annealing": ("Weight k of each site over the training: f becomes k f + (1 - k) D(f), so 1 means no dropout."),
    "ablation": (
        "Above: difference of each level to the control, averaged over degradations and data sets, with its 95% "
        "interval; filled markers are significant in their table, small ones are single data sets. Below: the "
        "same on each degradation and data set; orange is worse than the control, purple better. Red crosses failed or "
        "are missing."
    ),
    "search": (
        "Left: the least held-out loss to be expected of n trials, the mean over all choices of n of them. Right: all "
        "trials. Lower is better; a trial that diverged counts as the worst of all. The least of many is a lucky one: "
        "only the final runs, with other seeds and on test sets, compare methods."
    ),
    "cost": (
        "Quality against training time, on the machine named below. Bars: standard deviation over seeds. No method's "
        "work depends on the seed: horizontal bars are noise of the clock; differences as small as they say nothing."
    ),
}
"""Figure name to caption."""
