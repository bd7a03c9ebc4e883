// The rows of [train] and [parallel].
#include "monge/core/error.h"
#include "monge/core/user_words.h"
#include "monge/solve/options.h"

namespace monge::solve {
namespace {

/// Where and how exactly the updates are computed.
void describe_arithmetic(OptionRows& rows, TrainOptions& o) {
  rows.on_resume(OnResume::fixed, "other arithmetic");
  rows.add("precision", o.precision,
           "fp32, mixed bf16 or fp16, fp64 for checks; auto takes bf16 where the device has matrix units for it")
      .choices({"auto", "fp32", "bf16", "fp16", "fp64"});
  rows.add("device", o.device, "where to compute; " + user_word("the device of the caller") + " goes before it")
      .choices({"auto", "cpu", "cuda"});
  rows.add("channels_last", o.channels_last, "memory layout of images in the nets");
  rows.add("fused", o.fused,
           "hand-written passes of the nets on a CPU (Winograd convolutions, fused norms and layers): faster, equal "
           "within rounding; false is LibTorch alone");
  rows.add("gpu_kernels", o.gpu_kernels,
           "hand-written kernels of the nets of images on a GPU, in fp32 and bf16: faster, equal within rounding; "
           "false is LibTorch alone");
  rows.add("recompute", o.recompute,
           "save memory by running the map twice in its updates, so that its activations and the potential's are not "
           "kept at once; goes with accumulate");
  rows.add("tf32", o.tf32,
           "on a GPU, products and convolutions of float32 in TF32: 10 bits of mantissa, several times as fast");
  rows.add("cudnn_benchmark", o.cudnn_benchmark,
           "on a GPU, let cuDNN try its algorithms for each shape and take the fastest; not when deterministic");
  rows.add("deterministic", o.deterministic,
           "kernels that give the same bits each time, where there are any; slower on a GPU. " +
               user_word("The caller") + " sets it");
  rows.add("graph", o.graph,
           "capture an outer iteration as a CUDA graph and replay it; auto does on a GPU, but not in fp64. On a CPU, "
           "on runs the same code without a capture")
      .choices({"auto", "on", "off"});
  rows.add("eval_map_in_potential_step", o.eval_map_in_potential_step,
           "use the map's running batch-norm statistics in the potential's step, as the public codes do");
}

}  // namespace

void TrainOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "the weights are the run's own");
  rows.add("init", init,
           "start from the map, average and potential of another run or checkpoint folder (RUN?key=map: the map "
           "alone), or from the nets of a .safetensors or .pt file (FILE?key=NAME); empty: from train.seed");
  rows.add("iterations", iterations, "outer iterations: k_t map updates and one potential update each")
      .unit("iterations")
      .least(1)
      .on_resume(OnResume::keeps_updates);
  rows.on_resume(OnResume::fixed, "another order of the data");
  rows.add("batch", batch, "inputs per update, of all ranks of a job together").range(1, 1 << 24);
  rows.add("k_t", k_t, "map updates per potential update (K_T)").least(1);
  rows.on_resume(OnResume::fixed, "another order of sums");
  rows.add("accumulate", accumulate, "split a batch into this many pieces whose gradients are added, to save memory")
      .least(1);
  rows.on_resume(OnResume::alters_updates);
  rows.add("lr_map", lr_map, "learning rate of the map").least(0);
  rows.add("lr_potential", lr_potential, "learning rate of the potential").least(0);
  rows.add("betas", betas, "Adam's two decays").range(0, 0.999999);
  rows.add("eps", eps, "Adam's epsilon").least(0);
  rows.add("weight_decay", weight_decay, "added to the gradient (L2)").least(0);
  rows.add("schedule", schedule, "of both rates").choices(ot::rate_schedules().ordered());
  rows.add("milestones", milestones, "where steps multiplies the rates by decay").unit("iterations").least(0);
  rows.add("decay", decay, "the factor of steps").above_zero().most(1);
  rows.add("warmup", warmup, "linear warm-up of both rates").unit("iterations").least(0);
  rows.add("ema", ema, "decay of the averaged map that is evaluated, shown and exported; 0 takes the raw map")
      .range(0, 0.9999999);
  rows.add("clip", clip, "largest norm of a gradient; 0 does not clip").least(0);
  describe_arithmetic(rows, *this);
  rows.on_resume(OnResume::fixed, "other random draws");
  rows.add("seed", seed, "of every random draw").least(0);
  rows.add("threads", threads,
           "CPU threads of a rank; 0 takes all cores, or its part of them where several ranks share a host")
      .range(0, 4096)
      .on_resume(OnResume::keeps_updates);
}

void TrainOptions::check() const {
  if (betas.size() != 2) {
    throw InputError({.what = "Adam has two decays",
                      .where = "train.betas",
                      .value = std::to_string(betas.size()) + " numbers",
                      .allowed = "[b1, b2], each in [0, 1)"});
  }
  require(accumulate <= batch, "train.accumulate = ", accumulate, " is more than train.batch = ", batch,
          "; a piece must hold at least one input");
}

ot::RateSchedule TrainOptions::rates() const {
  return {.kind = schedule, .total = iterations, .warmup = warmup, .milestones = milestones, .decay = decay};
}

void ParallelOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "other statistics of batch norm");
  rows.add("sync_batch_norm", sync_batch_norm,
           "normalise by the statistics of the whole batch; else each rank by those of its part, and running "
           "statistics are means over the ranks");
  rows.add("bucket_mb", bucket_mb,
           "gradients are summed over the ranks in pieces of this size while the rest is computed")
      .unit("MiB")
      .range(1, 4096)
      .on_resume(OnResume::keeps_updates);
  rows.add("timeout", timeout, "a rank that is so long behind the others hangs, and the job ends")
      .unit("seconds")
      .range(1, 1e7)
      .on_resume(OnResume::keeps_updates);
}

}  // namespace monge::solve
