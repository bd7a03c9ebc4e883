// Layers that several nets share, as parts of a graph.
#pragma once

#include <cstdint>
#include <string>

#include "monge/model/onnx/graph.h"
#include "monge/nn/activation.h"

namespace monge::model::onnx {

/// nn::activate and nn::activation_slope.
Value activate(Graph& graph, nn::Activation kind, const Value& x);
Value activation_slope(Graph& graph, nn::Activation kind, const Value& x);

Value silu(Graph& graph, const Value& x);

/// x W' + b with the weights `key`.weight [out, in] and `key`.bias. @param x  [B, in].
Value linear(Graph& graph, const std::string& key, const Value& x);

/// The same for x [B, N, in].
Value linear_of_tokens(Graph& graph, const std::string& key, const Value& x);

/// A convolution that keeps height and width, with the weights `key`.weight and `key`.bias.
Value convolution(Graph& graph, const std::string& key, const Value& x);

/// torch::group_norm of images with the weights `key`.weight and `key`.bias. The operator GroupNormalization came after
/// opset 17; this is an instance norm of the groups.
Value group_norm(Graph& graph, const std::string& key, const Value& x, int64_t groups, double eps);

/// A tensor of channels [C] as [C, 1, 1].
Value per_channel(Graph& graph, const Value& values_C);

/// nn::ops::upsample_concat, for any sizes.
Value upsample_concat(Graph& graph, const Value& skip, const Value& low);

/// nn::mean_branch.
Value mean_branch(Graph& graph, const Value& a, const Value& b);

/// nn::bound_output.
Value bound_output(Graph& graph, const std::string& kind, const Value& y);

}  // namespace monge::model::onnx
