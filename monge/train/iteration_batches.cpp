#include "monge/train/iteration_batches.h"

#include <map>
#include <memory>
#include <string>

#include "monge/core/error.h"

namespace monge::train {
namespace {

/// The batches of a side, by their steps.
using Batches = std::map<int64_t, torch::Tensor>;

std::function<torch::Tensor(int64_t)> provider_of(std::shared_ptr<const Batches> batches) {
  return [batches = std::move(batches)](int64_t step) {
    const auto found = batches->find(step);
    TORCH_INTERNAL_ASSERT(found != batches->end(), "batch ", step, " is not of this iteration");
    return found->second;
  };
}

constexpr char kOfInput = 'i', kOther = 'o';

/// The message of a failure behind a letter that tells its kind; empty without a failure.
std::string described(const std::exception_ptr& failure) {
  if (!failure) return {};
  try {
    std::rethrow_exception(failure);
  } catch (const InputError& error) {
    return kOfInput + std::string(error.what());
  } catch (const std::bad_alloc&) {
    return kOther + std::string("out of memory");
  } catch (const std::exception& error) {
    return kOther + std::string(error.what());
  }
}

}  // namespace

IterationSteps steps_of_iteration(int64_t iteration, const solve::SolverOptions& options, const ot::Method& method) {
  const bool one_of_each = options.train.updates_simultaneously() || method.has_closed_form();
  if (one_of_each) return {iteration, 1, iteration, 1};
  const int64_t count = options.train.k_t + 1, first = iteration * count;
  if (options.train.trains_inverse()) return {first, count, first, count};
  return {first, count, iteration, 1};
}

ReadBatches read_batches(const solve::BatchProvider& from, const IterationSteps& steps) {
  const auto source = std::make_shared<Batches>(), target = std::make_shared<Batches>();
  ReadBatches out{.batches = {provider_of(source), provider_of(target)}, .failure = nullptr};
  try {
    for (int64_t i = 0; i < steps.source_count; ++i)
      source->emplace(steps.source_begin + i, from.source(steps.source_begin + i));
    for (int64_t i = 0; i < steps.target_count; ++i)
      target->emplace(steps.target_begin + i, from.target(steps.target_begin + i));
  } catch (...) {
    out.failure = std::current_exception();
  }
  return out;
}

bool any_rank_failed(const std::exception_ptr& failure, dist::ProcessGroup& group) {
  if (group.size() == 1) return failure != nullptr;
  auto failed = torch::tensor({failure ? int64_t{1} : int64_t{0}}, torch::kInt64);
  group.sum(failed);
  return failed[0].item<int64_t>() > 0;
}

void throw_read_failure(const std::exception_ptr& failure, dist::ProcessGroup& group) {
  if (group.size() == 1) std::rethrow_exception(failure);
  const auto all = group.gather(described(failure));
  std::string message;
  bool of_input = true;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].empty()) continue;
    of_input = of_input && all[rank][0] == kOfInput;
    message += text(message.empty() ? "" : "\n", group.name_of(static_cast<int64_t>(rank)), ": ", all[rank].substr(1));
  }
  if (of_input) throw dist::CommonError(message);
  throw SystemError(message);
}

}  // namespace monge::train
