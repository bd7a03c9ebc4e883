#include "monge/train/recipe.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "monge/core/error.h"
#include "monge/core/value_range.h"
#include "monge/ot/cost.h"
#include "monge/ot/method.h"

namespace monge::train {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kTiny = OptionTable::kAboveZero;

void add_source(std::vector<Option>& table, const std::string& section, SourceSection& source) {
  const auto key = [&](const char* name) { return section + "." + name; };
  table.push_back({.key = key("path"),
                   .field = &source.path,
                   .help =
                       "folder, archive, shards (NAME-{000..146}.tar), FILE.parquet?column=NAME, packed set, image, "
                       ".npy, .npz, .csv, FILE.csv?columns=a,b&index=NAME, npz:FILE?key=NAME, toy:NAME?dim=2, "
                       "font:FILE.ttf?mode=grey&part=1/2 or w2bench:FILE?side=source"});
  table.push_back({.key = key("size"),
                   .field = &source.size,
                   .help = "side of the square that images are brought to",
                   .unit = "pixels",
                   .least = 8,
                   .most = 4096});
  table.push_back({.key = key("resize_to"),
                   .field = &source.resize_to,
                   .help = "the shorter side of an image is first brought to so many pixels; 0: it stays",
                   .unit = "pixels",
                   .least = 0,
                   .most = 16384});
  table.push_back(
      {.key = key("crop"),
       .field = &source.crop,
       .help = "centre (largest square), none (squash) or WxH+dx,dy (W x H around the centre, moved by dx,dy)"});
  table.push_back({.key = key("filter"),
                   .field = &source.filter,
                   .help = "antialiased resizing, equal to Pillow's",
                   .choices = {"box", "bilinear", "bicubic", "lanczos"}});
  table.push_back({.key = key("background"),
                   .field = &source.background,
                   .help = "what shows through transparent images: white, black or #rrggbb"});
  table.push_back({.key = key("grey"), .field = &source.grey, .help = "take the luma in all three channels"});
  table.push_back({.key = key("colour"),
                   .field = &source.colour,
                   .help = "channels that the nets see of images in files: rgb (3), grey (1, the luma), or auto (1 "
                           "where the images of both sides are grey, else 3; 3 with grey = true)",
                   .choices = {"auto", "rgb", "grey"}});
  table.push_back(
      {.key = key("exif"),
       .field = &source.exif,
       .help = "bring images upright by the EXIF orientation of their files, or take them as they are stored",
       .choices = {"apply", "ignore"}});
  table.push_back({.key = key("range"),
                   .field = &source.range,
                   .help = "values of 16-bit images that become black and white: full (0..65535), auto (measured: "
                           "12-bit data are 0..4095) or LOW..HIGH"});
  table.push_back(
      {.key = key("convert"),
       .field = &source.convert,
       .help = "take CMYK, 16-bit and palette images, converted to 8-bit RGB; false: they count as unreadable"});
  table.push_back({.key = key("on_error"),
                   .field = &source.on_error,
                   .help = "an unreadable image stops the run, or is left out and counted",
                   .choices = {"fail", "skip"}});
}

}  // namespace

OptionTable Recipe::options() {
  std::vector<Option> t;
  t.push_back({.key = "name", .field = &name, .help = "names the run's folder: runs/00007-NAME"});
  t.push_back({.key = "method",
               .field = &method,
               .help = "which optimal transport problem is solved",
               .choices = ot::method_names()});
  add_source(t, "source", source);
  add_source(t, "target", target);

  t.push_back({.key = "data.flip", .field = &data.flip, .help = "mirror half of the training images, at random"});
  t.push_back({.key = "data.random_crop",
               .field = &data.random_crop,
               .help = "move training images at random by up to so many pixels each way; the edges are reflected",
               .unit = "pixels",
               .least = 0});
  t.push_back({.key = "data.cache",
               .field = &data.cache,
               .help = "where decoded images are kept: auto (on a GPU a set of up to a quarter of its free memory; in "
                       "memory up to cache_mb), "
                       "gpu, memory (whatever their size) or off (decoded when needed)",
               .choices = {"auto", "gpu", "memory", "off"}});
  t.push_back({.key = "data.cache_mb",
               .field = &data.cache_mb,
               .help = "decoded images of a source are kept in memory up to this size, else decoded when needed",
               .unit = "MiB",
               .least = 0});
  t.push_back({.key = "data.workers",
               .field = &data.workers,
               .help = "threads a side that make batches ahead; 0: none, -1: as many as the data need (none for what "
                       "lies in memory)",
               .least = -1,
               .most = 256});
  t.push_back({.key = "data.prefetch",
               .field = &data.prefetch,
               .help = "batches a side that workers make ahead",
               .least = 1,
               .most = 1024});
  t.push_back({.key = "data.standardise",
               .field = &data.standardise,
               .help = "vectors: bring columns to mean 0 and deviation 1, by both sides together (joint) or each side "
                       "by its own (each), or to "
                       "mean 0 and one common scale, which leaves the transport problem what it is (scale); computed "
                       "in double; costs and "
                       "figures are then in these units, translate takes and gives raw rows",
               .choices = {"off", "joint", "scale", "each"}});

  t.push_back({.key = "cost.scale",
               .field = &cost.scale,
               .help = "tau of the cost tau ||x-y||^2: mean (1/D), half (1/2) or a number"});

  t.push_back(
      {.key = "weak.gamma0", .field = &weak.gamma0, .help = "weight of the variance at iteration 0", .least = 0});
  t.push_back(
      {.key = "weak.gamma1", .field = &weak.gamma1, .help = "weight of the variance from gamma_iters on", .least = 0});
  t.push_back({.key = "weak.gamma_iters",
               .field = &weak.gamma_iters,
               .help = "length of the ramp from gamma0 to gamma1",
               .unit = "iterations",
               .least = 0});
  t.push_back({.key = "weak.z", .field = &weak.z, .help = "outputs drawn per input in a map update", .least = 1});
  t.push_back({.key = "weak.z_channels",
               .field = &weak.z_channels,
               .help = "noise channels (images) or entries (vectors) beside the input",
               .least = 1});
  t.push_back({.key = "weak.z_std", .field = &weak.z_std, .help = "standard deviation of the noise", .least = kTiny});

  t.push_back({.key = "kernel.gamma", .field = &kernel.gamma, .help = "weight of the spread", .least = 0, .most = 1});
  t.push_back({.key = "kernel.gamma_iters",
               .field = &kernel.gamma_iters,
               .help = "length of the ramp from 0 to gamma",
               .unit = "iterations",
               .least = 0});
  t.push_back({.key = "kernel.z", .field = &kernel.z, .help = "outputs drawn per input in a map update", .least = 1});
  t.push_back({.key = "kernel.z_channels",
               .field = &kernel.z_channels,
               .help = "noise channels (images) or entries (vectors) beside the input",
               .least = 1});
  t.push_back(
      {.key = "kernel.z_std", .field = &kernel.z_std, .help = "standard deviation of the noise", .least = kTiny});

  t.push_back({.key = "noised.sigma_law",
               .field = &noised.sigma_law,
               .help = "law of the noise level: edm (log-normal) or log_uniform",
               .choices = {"edm", "log_uniform"}});
  t.push_back({.key = "noised.sigma_min",
               .field = &noised.sigma_min,
               .help = "smallest noise level",
               .unit = "data units",
               .least = kTiny});
  t.push_back({.key = "noised.sigma_max",
               .field = &noised.sigma_max,
               .help = "largest noise level",
               .unit = "data units",
               .least = kTiny});
  t.push_back({.key = "noised.p_mean", .field = &noised.p_mean, .help = "mean of ln sigma (edm)"});
  t.push_back(
      {.key = "noised.p_std", .field = &noised.p_std, .help = "standard deviation of ln sigma (edm)", .least = kTiny});
  t.push_back({.key = "noised.weight",
               .field = &noised.weight,
               .help = "weight of a sample by its sigma s: edm (s^2+sd^2)/(s sd)^2, inverse 1/s^2, none",
               .choices = {"edm", "inverse", "none"}});
  t.push_back({.key = "noised.sigma_data",
               .field = &noised.sigma_data,
               .help = "sd, standard deviation of the data",
               .unit = "data units",
               .least = kTiny});
  t.push_back(
      {.key = "noised.normalise", .field = &noised.normalise, .help = "divide the weights by their batch mean"});
  t.push_back({.key = "noised.clip",
               .field = &noised.clip,
               .help = "largest weight, in multiples of the batch mean before clipping; 0 does not clip",
               .least = 0});
  t.push_back({.key = "noised.embedding",
               .field = &noised.embedding,
               .help = "how sigma enters the potential: positional of 1000 ln(sigma)/4 (log) or of sigma itself "
                       "(sigma, as the reference does), or Fourier features of ln(sigma)/4",
               .choices = {"log", "sigma", "fourier"}});
  t.push_back({.key = "noised.embedding_channels",
               .field = &noised.embedding_channels,
               .help = "width of that embedding, even",
               .least = 2,
               .most = 1024});
  t.push_back({.key = "noised.scale_input",
               .field = &noised.scale_input,
               .help = "multiply what the potential sees by 1/sqrt(sigma^2 + sd^2)"});

  t.push_back({.key = "otp.cost",
               .field = &otp.cost,
               .help = "the method whose cost and potential are taken; its section counts too",
               .choices = {"strong", "weak", "kernel", "noised"}});
  t.push_back({.key = "otp.smoothing",
               .field = &otp.smoothing,
               .help = "of a source sample x with noise n: ve x + eps n, vp sqrt(1-eps^2) x + eps n",
               .choices = {"ve", "vp"}});
  t.push_back({.key = "otp.eps_start",
               .field = &otp.eps_start,
               .help = "noise level at iteration 0",
               .unit = "data units",
               .least = 0});
  t.push_back(
      {.key = "otp.eps_end",
       .field = &otp.eps_end,
       .help =
           "noise level at the end and at use: a number, or auto, the resolution of that many samples (docs/otp.md)",
       .unit = "data units"});
  t.push_back({.key = "otp.schedule",
               .field = &otp.schedule,
               .help = "how the level falls; constant is eps_end throughout",
               .choices = {"geometric", "linear", "cosine", "steps", "constant"}});
  t.push_back({.key = "otp.anneal",
               .field = &otp.anneal,
               .help = "over this part of the iterations; eps_end from there on",
               .unit = "share",
               .least = 0,
               .most = 1});
  t.push_back(
      {.key = "otp.levels", .field = &otp.levels, .help = "plateaus of the schedule steps", .least = 2, .most = 10000});
  t.push_back(
      {.key = "otp.tint",
       .field = &otp.tint,
       .help = "images: share of the noise's variance that is one value a channel, so that it can decide colours",
       .least = 0,
       .most = 0.99});

  t.push_back({.key = "map.net",
               .field = &map.net,
               .help = "auto takes unet for images and mlp for vectors",
               .choices = {"auto", "unet", "mlp"}});
  t.push_back({.key = "map.width",
               .field = &map.width,
               .help = "first width of the unet, or hidden width of the mlp; 0 takes 48 and 128",
               .least = 0,
               .most = 65536});
  t.push_back({.key = "map.depth",
               .field = &map.depth,
               .help = "halvings of the unet (1 to 4), or hidden layers of the mlp; 0 takes 4 and 3",
               .least = 0,
               .most = 64});
  t.push_back({.key = "map.patch",
               .field = &map.patch,
               .help = "work on patch x patch pixels at once, as channels: 2 is about four times as fast",
               .unit = "pixels",
               .least = 1,
               .most = 8});
  t.push_back({.key = "map.activation",
               .field = &map.activation,
               .help = "of the mlp",
               .choices = {"relu", "silu", "elu", "leaky_relu", "softplus", "tanh"}});
  t.push_back(
      {.key = "map.norm",
       .field = &map.norm,
       .help = "of the unet: batch as in the public codes, or group, which does not depend on the rest of the batch",
       .choices = {"batch", "group"}});
  t.push_back({.key = "map.residual", .field = &map.residual, .help = "T(x) = x + net(x)"});
  t.push_back({.key = "map.zero_last",
               .field = &map.zero_last,
               .help = "start the last layer at zero: with residual the map starts as the identity"});
  t.push_back(
      {.key = "map.output", .field = &map.output, .help = "last activation of the unet", .choices = {"none", "tanh"}});

  t.push_back({.key = "potential.net",
               .field = &potential.net,
               .help = "auto takes resnet for images and mlp for vectors",
               .choices = {"auto", "resnet", "mlp"}});
  t.push_back({.key = "potential.width",
               .field = &potential.width,
               .help = "first width of the resnet, or hidden width of the mlp; 0 takes 64 and 128",
               .least = 0,
               .most = 65536});
  t.push_back({.key = "potential.width_max",
               .field = &potential.width_max,
               .help = "largest width of the resnet",
               .least = 1,
               .most = 65536});
  t.push_back({.key = "potential.depth",
               .field = &potential.depth,
               .help = "hidden layers of the mlp",
               .least = 1,
               .most = 64});
  t.push_back({.key = "potential.patch",
               .field = &potential.patch,
               .help = "work on patch x patch pixels at once, as channels: 2 is about four times as fast",
               .unit = "pixels",
               .least = 1,
               .most = 8});
  t.push_back({.key = "potential.activation",
               .field = &potential.activation,
               .help = "of the mlp",
               .choices = {"relu", "silu", "elu", "leaky_relu", "softplus", "tanh"}});
  t.push_back(
      {.key = "potential.res_ratio", .field = &potential.res_ratio, .help = "weight of a resnet block's branch"});
  t.push_back({.key = "potential.quadratic",
               .field = &potential.quadratic,
               .help = "add y'Ay + b'y to the mlp: needed in tens of dimensions"});
  t.push_back(
      {.key = "potential.zero_last", .field = &potential.zero_last, .help = "start the mlp's last layer at zero"});
  t.push_back({.key = "potential.r1",
               .field = &potential.r1,
               .help = "lambda of the R1 penalty lambda/2 ||grad f||^2 on target samples; 0 is off",
               .least = 0});
  t.push_back({.key = "potential.r1_every",
               .field = &potential.r1_every,
               .help = "compute R1 in every n-th potential step and scale it by n",
               .unit = "iterations",
               .least = 1});
  t.push_back({.key = "potential.expectile",
               .field = &potential.expectile,
               .help = "weight of the expectile regulariser (ENOT); 0 is off",
               .least = 0});
  t.push_back({.key = "potential.expectile_level",
               .field = &potential.expectile_level,
               .help = "its expectile, 0.9 to 0.99",
               .least = 0.5,
               .most = 0.9999});

  t.push_back({.key = "train.init",
               .field = &train.init,
               .help = "start from the map, average and potential of another run or checkpoint folder (RUN?key=map: "
                       "the map alone), or from "
                       "the nets of a .safetensors or .pt file (FILE?key=NAME); empty: from train.seed"});
  t.push_back({.key = "train.iterations",
               .field = &train.iterations,
               .help = "outer iterations: k_t map updates and one potential update each",
               .unit = "iterations",
               .least = 1});
  t.push_back({.key = "train.batch",
               .field = &train.batch,
               .help = "inputs per update, of all ranks of a job together",
               .least = 1,
               .most = 1 << 24});
  t.push_back({.key = "train.k_t", .field = &train.k_t, .help = "map updates per potential update (K_T)", .least = 1});
  t.push_back({.key = "train.accumulate",
               .field = &train.accumulate,
               .help = "split a batch into this many pieces whose gradients are added, to save memory",
               .least = 1});
  t.push_back({.key = "train.lr_map", .field = &train.lr_map, .help = "learning rate of the map", .least = 0});
  t.push_back({.key = "train.lr_potential",
               .field = &train.lr_potential,
               .help = "learning rate of the potential",
               .least = 0});
  t.push_back(
      {.key = "train.betas", .field = &train.betas, .help = "solve::Adam's two decays", .least = 0, .most = 0.999999});
  t.push_back({.key = "train.eps", .field = &train.eps, .help = "solve::Adam's epsilon", .least = 0});
  t.push_back(
      {.key = "train.weight_decay", .field = &train.weight_decay, .help = "added to the gradient (L2)", .least = 0});
  t.push_back({.key = "train.schedule",
               .field = &train.schedule,
               .help = "of both rates",
               .choices = {"constant", "cosine", "steps"}});
  t.push_back({.key = "train.milestones",
               .field = &train.milestones,
               .help = "where steps multiplies the rates by decay",
               .unit = "iterations",
               .least = 0});
  t.push_back({.key = "train.decay", .field = &train.decay, .help = "the factor of steps", .least = kTiny, .most = 1});
  t.push_back({.key = "train.warmup",
               .field = &train.warmup,
               .help = "linear warm-up of both rates",
               .unit = "iterations",
               .least = 0});
  t.push_back({.key = "train.ema",
               .field = &train.ema,
               .help = "decay of the averaged map that is evaluated, shown and exported; 0 takes the raw map",
               .least = 0,
               .most = 0.9999999});
  t.push_back(
      {.key = "train.clip", .field = &train.clip, .help = "largest norm of a gradient; 0 does not clip", .least = 0});
  t.push_back(
      {.key = "train.precision",
       .field = &train.precision,
       .help = "fp32, mixed bf16 or fp16, fp64 for checks; auto takes bf16 where the device has matrix units for it",
       .choices = {"auto", "fp32", "bf16", "fp16", "fp64"}});
  t.push_back({.key = "train.device",
               .field = &train.device,
               .help = "where to compute; --device goes before it",
               .choices = {"auto", "cpu", "cuda"}});
  t.push_back(
      {.key = "train.channels_last", .field = &train.channels_last, .help = "memory layout of images in the nets"});
  t.push_back({.key = "train.fused",
               .field = &train.fused,
               .help = "hand-written passes of the nets on a CPU (Winograd convolutions, fused norms and layers): "
                       "faster, equal within rounding; false is LibTorch alone"});
  t.push_back({.key = "train.gpu_kernels",
               .field = &train.gpu_kernels,
               .help = "hand-written kernels of the nets of images on a GPU, in fp32 and bf16: faster, equal within "
                       "rounding; false is LibTorch alone"});
  t.push_back({.key = "train.recompute",
               .field = &train.recompute,
               .help = "save memory by running the map twice in its updates, so that its activations and the "
                       "potential's are not kept at once; goes with accumulate"});
  t.push_back(
      {.key = "train.tf32",
       .field = &train.tf32,
       .help = "on a GPU, products and convolutions of float32 in TF32: 10 bits of mantissa, several times as fast"});
  t.push_back(
      {.key = "train.cudnn_benchmark",
       .field = &train.cudnn_benchmark,
       .help = "on a GPU, let cuDNN try its algorithms for each shape and take the fastest; not when deterministic"});
  t.push_back(
      {.key = "train.deterministic",
       .field = &train.deterministic,
       .help =
           "kernels that give the same bits each time, where there are any; slower on a GPU. --deterministic sets it"});
  t.push_back({.key = "train.graph",
               .field = &train.graph,
               .help = "capture an outer iteration as a CUDA graph and replay it; auto does on a GPU, but not in fp64. "
                       "On a CPU, on runs the same code without a capture",
               .choices = {"auto", "on", "off"}});
  t.push_back({.key = "train.eval_map_in_potential_step",
               .field = &train.eval_map_in_potential_step,
               .help = "use the map's running batch-norm statistics in the potential's step, as the public codes do"});
  t.push_back({.key = "train.seed", .field = &train.seed, .help = "of every random draw", .least = 0});
  t.push_back({.key = "train.threads",
               .field = &train.threads,
               .help = "CPU threads of a rank; 0 takes all cores, or its part of them where several ranks share a host",
               .least = 0,
               .most = 4096});

  t.push_back({.key = "parallel.sync_batch_norm",
               .field = &parallel.sync_batch_norm,
               .help = "normalise by the statistics of the whole batch; else each rank by those of its part, and "
                       "running statistics are means over the ranks"});
  t.push_back({.key = "parallel.bucket_mb",
               .field = &parallel.bucket_mb,
               .help = "gradients are summed over the ranks in pieces of this size while the rest is computed",
               .unit = "MiB",
               .least = 1,
               .most = 4096});
  t.push_back({.key = "parallel.timeout",
               .field = &parallel.timeout,
               .help = "a rank that is so long behind the others hangs, and the job ends",
               .unit = "seconds",
               .least = 1,
               .most = 1e7});

  t.push_back({.key = "checkpoint.every",
               .field = &checkpoint.every,
               .help = "between two checkpoints",
               .unit = "iterations",
               .least = 1});
  t.push_back({.key = "checkpoint.keep",
               .field = &checkpoint.keep,
               .help = "how many of the last are kept (the best is kept beside them)",
               .least = 1});

  t.push_back({.key = "eval.every",
               .field = &eval.every,
               .help = "between two evaluations; 0 is off",
               .unit = "iterations",
               .least = 0});
  t.push_back(
      {.key = "eval.samples", .field = &eval.samples, .help = "inputs of an evaluation", .least = 2, .most = 1 << 20});
  t.push_back({.key = "eval.holdout",
               .field = &eval.holdout,
               .help = "part of each finite source that is not trained on",
               .unit = "share",
               .least = 0,
               .most = 0.9});
  t.push_back({.key = "eval.split",
               .field = &eval.split,
               .help = "which part: items chosen at random, or the last of each source",
               .choices = {"random", "last"}});
  t.push_back({.key = "eval.source",
               .field = &eval.source,
               .help = "another path to evaluate from, in place of the held-out part"});
  t.push_back({.key = "eval.target",
               .field = &eval.target,
               .help = "another path to compare with, in place of the held-out part"});

  t.push_back({.key = "eval.features",
               .field = &eval.features,
               .help = "feature net of the Frechet and kernel distances: \"inception\" (FID, KID) or a TorchScript "
                       "file; empty is none"});
  t.push_back({.key = "eval.mode",
               .field = &eval.mode,
               .help = "how images come to inception's size",
               .choices = {"clean", "legacy"}});
  t.push_back({.key = "eval.lpips",
               .field = &eval.lpips,
               .help = "trunk of LPIPS between inputs, outputs and draws; empty is none",
               .choices = {"", "alex", "squeeze", "vgg"}});
  t.push_back({.key = "eval.weights",
               .field = &eval.weights,
               .help = "folder of weight files that is looked in first (monge weights list)"});
  t.push_back({.key = "eval.best",
               .field = &eval.best,
               .help = "figure of the best checkpoint, smaller is better: target_error, feature_error, fid, kid, ..."});
  t.push_back({.key = "eval.patience",
               .field = &eval.patience,
               .help = "evaluations without a better one after which the training ends; 0 is never",
               .least = 0});

  t.push_back({.key = "samples.every",
               .field = &samples.every,
               .help = "between two sample images; 0 is off",
               .unit = "iterations",
               .least = 0});
  t.push_back(
      {.key = "samples.count", .field = &samples.count, .help = "inputs in a sample image", .least = 1, .most = 4096});
  t.push_back({.key = "samples.draws",
               .field = &samples.draws,
               .help = "outputs per input where the map takes noise",
               .least = 1,
               .most = 256});

  t.push_back({.key = "output.range",
               .field = &output.range,
               .help = "vectors: LOW..HIGH, LOW.. or ..HIGH (such as 0..) in raw units, that outputs are clamped to; "
                       "empty: not at all. The training "
                       "itself does not clamp; translate and the metrics do"});

  return OptionTable(
      {{"", "The run as a whole"},
       {"source", "The distribution P that is carried over"},
       {"target", "The distribution Q that is to be reached"},
       {"data", "Loading"},
       {"cost", "The transport cost"},
       {"weak", "Method weak: quadratic cost minus gamma times the variance of the outputs"},
       {"kernel", "Method kernel: distances minus gamma times the spread of the outputs"},
       {"noised", "Method noised: a potential that knows the noise level of what it sees"},
       {"otp", "Method otp: a smoothed source whose noise falls, for plans and against maps that miss the target"},
       {"map", "The network T"},
       {"potential", "The network f and what steadies it"},
       {"train", "The loop"},
       {"parallel", "Jobs of several ranks (docs/cluster.md)"},
       {"checkpoint", "What is kept"},
       {"eval", "solve::IterationMetrics on data that is not trained on"},
       {"samples", "Images of fixed inputs during training"},
       {"output", "What a trained map gives"}},
      std::move(t));
}

void assign(Recipe& recipe, const std::vector<std::string>& assignments) {
  const auto options = recipe.options();
  for (const auto& assignment : assignments) options.assign(assignment, "--set");
}

const std::string& cost_method(const Recipe& recipe) {
  return recipe.method == "otp" ? recipe.otp.cost : recipe.method;
}

ot::SmoothingOptions smoothing_options(const Recipe& recipe) {
  const auto& o = recipe.otp;
  char* end = nullptr;
  const double eps_end = std::strtod(o.eps_end.c_str(), &end);
  if (o.eps_end.empty() || *end != '\0' || !(eps_end >= 0) || !std::isfinite(eps_end)) {
    throw Error(Complaint{.what = "no noise level",
                          .where = "otp.eps_end",
                          .value = '"' + o.eps_end + '"',
                          .allowed = "\"auto\" or a number, 0 or more"});
  }
  return {o.smoothing, o.eps_start, eps_end, o.schedule, o.anneal, o.levels, recipe.train.iterations, o.tint};
}

ot::Smoothing source_smoothing(const Recipe& recipe, int64_t iteration) {
  if (recipe.method != "otp") return {};
  return ot::smoothing_at(smoothing_options(recipe), std::max<int64_t>(iteration - 1, 0));
}

void keep_annealing(Recipe& recipe, int64_t iterations_before) {
  if (recipe.method != "otp" || recipe.train.iterations == iterations_before) return;
  const double length = recipe.otp.anneal * static_cast<double>(iterations_before);
  recipe.otp.anneal = length / static_cast<double>(recipe.train.iterations);
  require(recipe.otp.anneal <= 1, "train.iterations = ", recipe.train.iterations, ": the noise of this run falls over ",
          length, " iterations, and the run must be at least that long");
}

MapNoise map_noise(const Recipe& recipe) {
  const auto& method = cost_method(recipe);
  if (method == "weak") return {recipe.weak.z, recipe.weak.z_channels, recipe.weak.z_std};
  if (method == "kernel") return {recipe.kernel.z, recipe.kernel.z_channels, recipe.kernel.z_std};
  return {};
}

void validate(const Recipe& recipe) {
  const auto noise = map_noise(recipe);
  if (noise.channels > 0 && noise.draws < 2) {
    const auto& method = cost_method(recipe);
    throw Error(Complaint{.what = "method \"" + method + "\" needs at least 2 draws per input to see their spread",
                          .where = method + ".z",
                          .value = "Z = " + std::to_string(noise.draws),
                          .allowed = "2 or more",
                          .fix = "set " + method + ".z = 2 or more, or method = \"strong\""});
  }
  if (recipe.train.betas.size() != 2) {
    throw Error(Complaint{.what = "solve::Adam has two decays",
                          .where = "train.betas",
                          .value = std::to_string(recipe.train.betas.size()) + " numbers",
                          .allowed = "[b1, b2], each in [0, 1)"});
  }
  ot::cost_scale(recipe.cost.scale, 1);
  if (recipe.method == "otp" && recipe.otp.eps_end != "auto") source_smoothing(recipe, 0);
  require(recipe.noised.sigma_min <= recipe.noised.sigma_max, "noised.sigma_min = ", recipe.noised.sigma_min,
          " is above noised.sigma_max = ", recipe.noised.sigma_max);
  require(recipe.train.accumulate <= recipe.train.batch, "train.accumulate = ", recipe.train.accumulate,
          " is more than train.batch = ", recipe.train.batch, "; a piece must hold at least one input");
  if (!recipe.output.range.empty()) parse_value_range(recipe.output.range, "output.range");
  for (const auto& [key, path] :
       {std::pair{"source.path", &recipe.source.path}, {"target.path", &recipe.target.path}}) {
    if (path->empty()) {
      throw Error(
          Complaint{.what = "no data is named",
                    .where = key,
                    .value = "\"\"",
                    .allowed = "a folder, an archive, an image, .npy, .npz, .csv, toy:NAME, font:FILE or w2bench:FILE",
                    .fix = std::string("write it into the recipe or add --set ") + key + "=PATH"});
    }
  }
}

}  // namespace monge::train
