// How near a map comes to the right outputs of its inputs, where these are known although no training saw the pairs.
#pragma once

#include <cstdint>
#include <vector>

#include "monge/core/named_metrics.h"
#include "monge/data/source.h"
#include "monge/dist/process_group.h"
#include "monge/eval/evaluation_progress.h"
#include "monge/eval/lpips.h"
#include "monge/model/model.h"

namespace monge::eval {

/// The item of `truth` for each of `inputs`: of the same name, or if the names differ of the same name without its
/// extension.
/// @param inputs  indices in `source`.
/// @throws InputError for an input without a partner, or with several.
std::vector<int64_t> partners_of(const data::Source& source, const std::vector<int64_t>& inputs,
                                 const data::Source& truth);

/// Compares outputs with the right ones. Images are rounded to 8 bits, as saving rounds them.
///
///     truth_psnr    10 log10(4 / MSE) in decibels, with the MSE over all inputs and their outputs
///     truth_ssim    see structural_similarity; for images of at least 11 x 11 pixels
///     truth_lpips   with `lpips`
///
/// Each comes with the same of the inputs themselves, *_input, which is what a map has that does nothing, and of right
/// outputs of other inputs, *_random. If there are such pixels:
///
///     truth_background   mean absolute deviation from white where input and right output are white, see
///     background_sums
///
/// @param source   inputs; `samples` of them are drawn, or all.
/// @param truth    the right outputs, see partners_of.
/// @param seed     seed of the choice of inputs and of the noises.
/// @param lpips    may be null.
/// @param group    all ranks call this; each maps a part of the inputs, and all return the same.
/// @param progress where a single process can be stopped; several ranks are not.
/// @throws InputError for endless sources, vectors, images of another size than the outputs, and as partners_of.
NamedMetrics evaluate_against_truth(const model::Model& model, const data::Source& source, const data::Source& truth,
                                    int64_t samples, uint64_t seed, const Lpips* lpips = nullptr,
                                    dist::ProcessGroup& group = dist::ProcessGroup::single(),
                                    EvaluationProgress progress = {});

}  // namespace monge::eval
