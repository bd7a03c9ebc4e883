#include "monge/solve/metric_buffer.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <optional>

#include "monge/core/error.h"
#include "monge/solve/flat_parameters.h"

namespace monge::solve {
namespace {

constexpr int64_t kColumns = 5;

}  // namespace

struct MetricBuffer::PendingCopy {
  torch::Tensor rows;  // pinned where they come from a GPU
  std::optional<c10::Event> arrived;
};

MetricBuffer::MetricBuffer(int64_t updates, torch::Device device, int64_t ranks)
    : extra_(ranks > 0 ? 1 + ranks : 0),
      rows_(torch::zeros({updates, kColumns + extra_}, torch::dtype(torch::kFloat64).device(device))) {}

MetricBuffer::~MetricBuffer() = default;

void MetricBuffer::write(int64_t index, const Update& update) {
  const at::NoGradGuard no_grad;
  const bool is_map = update.cost.defined();
  const torch::Tensor columns[kColumns] = {update.loss, is_map ? update.cost : update.loss,
                                           is_map ? update.potential : update.loss, update.gradient_norm,
                                           update.blocked};
  if (rows_.is_cpu()) {
    double* row = rows_.data_ptr<double>() + index * (kColumns + extra_);
    for (const auto& column : columns) *row++ = host_value(column);
    if (extra_ > 0) {
      const auto ranks = update.ranks.to(torch::kFloat64);
      std::copy_n(ranks.const_data_ptr<double>(), extra_, row);
    }
    return;
  }
  std::vector<torch::Tensor> alike;
  for (const auto& column : columns) alike.push_back(column.detach().to(update.loss.scalar_type()));
  const auto row = rows_.select(0, index);
  row.narrow(0, 0, kColumns).copy_(torch::stack(alike));
  if (extra_ > 0) row.narrow(0, kColumns, extra_).copy_(update.ranks);
}

void MetricBuffer::send(int64_t count) {
  auto pending = std::make_unique<PendingCopy>();
  const auto rows = rows_.narrow(0, 0, count);
  const bool far = !rows_.is_cpu();
  pending->rows = torch::empty({count, kColumns + extra_}, torch::dtype(torch::kFloat64).pinned_memory(far));
  pending->rows.copy_(rows, /*non_blocking=*/far);
  if (far) {
    pending->arrived.emplace(rows_.device().type());
    pending->arrived->record(c10::impl::VirtualGuardImpl(rows_.device().type()).getStream(rows_.device()));
  }
  sent_.push_back(std::move(pending));
}

std::vector<MetricBuffer::Row> MetricBuffer::receive() {
  require(!sent_.empty(), "no iteration is in flight");
  const auto pending = std::move(sent_.front());
  sent_.pop_front();
  if (pending->arrived) pending->arrived->synchronize();
  std::vector<Row> out;
  const double* value = pending->rows.const_data_ptr<double>();
  for (int64_t i = 0; i < pending->rows.size(0); ++i, value += kColumns + extra_) {
    out.push_back({value[0], value[1], value[2], value[3], value[4], {value + kColumns, value + kColumns + extra_}});
  }
  return out;
}

}  // namespace monge::solve
