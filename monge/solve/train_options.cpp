// The rows of [train] and [parallel].
#include "monge/core/error.h"
#include "monge/core/user_words.h"
#include "monge/solve/graph.h"
#include "monge/solve/options.h"
#include "monge/solve/precision.h"

namespace monge::solve {
namespace {

/// Where and how exactly the updates are computed.
void describe_arithmetic(OptionRows& rows, TrainOptions& o) {
  rows.on_resume(OnResume::fixed, "changes the arithmetic");
  rows.add("precision", o.precision,
           "fp32; bf16 or fp16 (mixed precision); bf16x6 or bf16x3: mlp networks of vectors on a processor with AMX "
           "multiply in sums of six products of bfloat16, as accurate as fp32, or of three, with errors of about 1e-5; "
           "fp64 (for checks); auto: bf16 if the device has matrix units for it, else fp32")
      .choices(precision_names().names());
  rows.add("device", o.device, "device to compute on; " + user_word("the device of the caller") + " overrides it")
      .choices({"auto", "cpu", "cuda"});
  rows.add("channels_last", o.channels_last, "use the channels-last memory layout for images in the nets");
  rows.add(
      "fused", o.fused,
      "use hand-written passes of the nets on a CPU (Winograd convolutions, fused norms and layers); faster, equal "
      "within rounding; false: LibTorch alone");
  rows.add("gpu_kernels", o.gpu_kernels,
           "use hand-written kernels of the image nets on a GPU, in fp32 and bf16; faster, equal within rounding; "
           "false: LibTorch alone");
  rows.add("recompute", o.recompute,
           "save memory by running the map twice in its updates: its activations and the potential's are never kept at "
           "the same time; can be combined with accumulate");
  rows.add("tf32", o.tf32,
           "on a GPU, compute float32 products and convolutions in TF32: 10 bits of mantissa, several times as fast");
  rows.add(
      "cudnn_benchmark", o.cudnn_benchmark,
      "on a GPU, let cuDNN try its algorithms for each shape and use the fastest; ignored if deterministic = true");
  rows.add("deterministic", o.deterministic,
           "use kernels that produce the same bits each time, where they exist; slower on a GPU. " +
               user_word("The caller") + " sets it");
  rows.add(
          "graph", o.graph,
          "capture an outer iteration as a CUDA graph and replay it; auto: on a GPU, except in fp64. On a CPU, on runs "
          "the same code without a capture")
      .choices(capture_names().names());
  rows.add("eval_map_in_potential_step", o.eval_map_in_potential_step,
           "use the map's running batch-norm statistics in the potential's step, as the public codes do");
}

}  // namespace

void TrainOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "the run continues from its own weights");
  rows.add("init", init,
           "initial weights: the map, average and potential of another run or checkpoint folder (RUN?key=map: the map "
           "alone), or the nets of a .safetensors or .pt file (FILE?key=NAME); empty: random, from train.seed");
  rows.add("iterations", iterations, "number of outer iterations, each of k_t map updates and one potential update")
      .unit("iterations")
      .least(1)
      .on_resume(OnResume::keeps_updates);
  rows.on_resume(OnResume::fixed, "changes the order of the data");
  rows.add("batch", batch, "inputs per update, over all ranks of a job").range(1, 1 << 24);
  rows.add("k_t", k_t, "map updates per potential update (K_T)").least(1);
  rows.add("update", update,
           "alternating: k_t updates of the map, then one of the potential, each from fresh batches; simultaneous: one "
           "of each from one batch (ENOT), with k_t = 1")
      .choices({"alternating", "simultaneous"});
  rows.add("directions", directions,
           "both: also train the reversed problem, whose map leads back from the target to the source; two gradient "
           "maps do so with the same two nets, other maps with two more")
      .choices({"forward", "both"});
  rows.on_resume(OnResume::fixed, "changes the order of sums");
  rows.add("accumulate", accumulate, "split each batch into this many pieces and add their gradients, to save memory")
      .least(1);
  rows.on_resume(OnResume::fixed, "the run continues with its optimiser's state");
  rows.add("optimiser", optimiser,
           "adam; soap: Adam in the eigenbases of the gradients' covariances (Vyas et al. 2024), which came "
           "three times as close to known maps of vectors in as many iterations (docs/benchmarks.md)")
      .choices({"adam", "soap"});
  rows.on_resume(OnResume::alters_updates);
  rows.add("basis_decay", basis_decay, "decay of the gradients' covariances (soap)").range(0, 0.999999);
  rows.add("basis_every", basis_every, "outer iterations from one update of the eigenbases to the next (soap)")
      .least(1);
  rows.add("lr_map", lr_map, "learning rate of the map").least(0);
  rows.add("lr_potential", lr_potential, "learning rate of the potential").least(0);
  rows.add("betas", betas, "decay rates of Adam's two moments").range(0, 0.999999);
  rows.add("eps", eps, "Adam's epsilon").least(0);
  rows.add("weight_decay", weight_decay, "weight decay, added to the gradient (L2)").least(0);
  rows.add("schedule", schedule, "schedule of both learning rates").choices(ot::rate_schedules().ordered());
  rows.add("milestones", milestones, "iterations at which schedule = steps multiplies the rates by decay")
      .unit("iterations")
      .least(0);
  rows.add("decay", decay, "factor of schedule = steps at each milestone").above_zero().most(1);
  rows.add("rate_floor", rate_floor, "last factor of schedule = cosine").range(0, 1);
  rows.add("warmup", warmup, "length of the linear warm-up of both rates").unit("iterations").least(0);
  rows.add("ema", ema, "decay of the averaged map, which is evaluated, shown and exported; 0: use the raw map")
      .range(0, 0.9999999);
  rows.add("ema_ramp", ema_ramp,
           "the average spans at most 1/ema_ramp of the iterations so far: its decay at iteration k is at most "
           "(1 + k)/(1 + ema_ramp + k); no effect with train.init")
      .above_zero();
  rows.add("clip", clip, "largest norm of a gradient; 0: no clipping").least(0);
  describe_arithmetic(rows, *this);
  rows.on_resume(OnResume::fixed, "changes the random draws");
  rows.add("seed", seed, "seed of all random draws").least(0);
  rows.add("threads", threads, "CPU threads per rank; 0: all cores, divided among the ranks of a host")
      .range(0, 4096)
      .on_resume(OnResume::keeps_updates);
  rows.add(
          "on_divergence", on_divergence,
          "when the losses run away or are not finite: rollback: return to the last sound checkpoint (in memory: to a "
          "copy), or to the start, with 0.3 times the rates and, if it was off, R1, or with a smoothed source (method "
          "otp) where the source has no density; stop: end with an error; ignore: warn, and end only when they are not "
          "finite (docs/divergence.md)")
      .choices({"rollback", "stop", "ignore"})
      .on_resume(OnResume::keeps_updates);
  rows.add("rollbacks", rollbacks, "most returns of on_divergence = rollback in a run; then it ends with an error")
      .range(0, 100)
      .on_resume(OnResume::keeps_updates);
}

void TrainOptions::check() const {
  if (betas.size() != 2) {
    throw InputError({.what = "Adam has two decays",
                      .where = "train.betas",
                      .value = std::to_string(betas.size()) + " numbers",
                      .allowed = "[b1, b2], each in [0, 1)"});
  }
  if (updates_simultaneously() && k_t != 1) {
    throw InputError({.what = "a simultaneous update has one update of the map",
                      .where = "train.k_t",
                      .value = std::to_string(k_t),
                      .allowed = "1",
                      .fix = "set train.k_t = 1, or train.update = \"alternating\""});
  }
  const TrainOptions usual;
  if (!uses_soap() && (basis_decay != usual.basis_decay || basis_every != usual.basis_every)) {
    throw InputError(
        {.what = "Adam has no basis",
         .where = basis_every != usual.basis_every ? "train.basis_every" : "train.basis_decay",
         .value = basis_every != usual.basis_every ? std::to_string(basis_every) : std::to_string(basis_decay),
         .fix = "set train.optimiser = \"soap\", or leave it out"});
  }
  require(accumulate <= batch, "train.accumulate = ", accumulate, " is more than train.batch = ", batch,
          "; a piece must hold at least one input");
}

ot::RateSchedule TrainOptions::rates() const {
  return {.kind = schedule,
          .total = iterations,
          .warmup = warmup,
          .milestones = milestones,
          .decay = decay,
          .floor = rate_floor};
}

void ParallelOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the batch-norm statistics");
  rows.add("sync_batch_norm", sync_batch_norm,
           "normalise with the statistics of the whole batch; false: each rank uses those of its own part, and the "
           "running statistics are means over the ranks");
  rows.add("bucket_mb", bucket_mb,
           "size of the pieces in which gradients are summed over the ranks while the rest is computed")
      .unit("MiB")
      .range(1, 4096)
      .on_resume(OnResume::keeps_updates);
  rows.add("timeout", timeout, "how long a rank may lag behind the others before it counts as hung and the job ends")
      .unit("seconds")
      .range(1, 1e7)
      .on_resume(OnResume::keeps_updates);
}

}  // namespace monge::solve
