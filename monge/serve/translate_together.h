// Several translations with one call of the networks.
#pragma once

#include <torch/types.h>

#include <exception>
#include <functional>
#include <memory>
#include <vector>

#include "monge/serve/served_model.h"
#include "monge/session/translation.h"

namespace monge::serve {

/// One request. Its options are those of session::translate for a tensor.
struct Translation {
  std::shared_ptr<const ServedModel> model;
  bool inverse = false;  ///< apply the map back
  torch::Tensor x;       ///< [N, ...item] as session::translate takes it
  session::TranslateOptions options;
  /// Called once from the queue's thread, with [N, samples, ...item] or with the exception. It must not throw.
  std::function<void(torch::Tensor y, std::exception_ptr failure)> done = {};
  std::function<bool()> gone = [] { return false; };  ///< whether the client has hung up
};

/// Whether a request may be computed with others: its items fit a batch of the networks as they are.
bool can_be_batched(const Translation& translation);

/// Whether two requests that can be batched have one model, items of one shape, and equal options but the seed.
bool belong_together(const Translation& a, const Translation& b);

/// The outputs of requests that belong together, each as session::translate computes it but for the number of items
/// that the networks get at once.
std::vector<torch::Tensor> translate_together(const std::vector<Translation>& batch);

}  // namespace monge::serve
