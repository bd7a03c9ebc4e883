#include "monge/train/record.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <optional>

#include "monge/core/error.h"
#include "monge/train/flat.h"

namespace monge::train {
namespace {

constexpr int64_t kColumns = 5;

}  // namespace

struct Record::Parcel {
  torch::Tensor rows;  // pinned where they come from a GPU
  std::optional<c10::Event> arrived;
};

Record::Record(int64_t updates, torch::Device device)
    : rows_(torch::zeros({updates, kColumns}, torch::dtype(torch::kFloat64).device(device))) {}

Record::~Record() = default;

void Record::write(int64_t index, const Update& update) {
  const at::NoGradGuard no_grad;
  const bool is_map = update.cost.defined();
  const torch::Tensor columns[kColumns] = {update.loss, is_map ? update.cost : update.loss,
                                           is_map ? update.potential : update.loss, update.gradient_norm,
                                           update.blocked};
  if (rows_.is_cpu()) {
    double* row = rows_.data_ptr<double>() + index * kColumns;
    for (const auto& column : columns) *row++ = host_value(column);
    return;
  }
  std::vector<torch::Tensor> alike;
  for (const auto& column : columns) alike.push_back(column.detach().to(update.loss.scalar_type()));
  rows_.select(0, index).copy_(torch::stack(alike));
}

void Record::send(int64_t count) {
  auto parcel = std::make_unique<Parcel>();
  const auto rows = rows_.narrow(0, 0, count);
  const bool far = !rows_.is_cpu();
  parcel->rows = torch::empty({count, kColumns}, torch::dtype(torch::kFloat64).pinned_memory(far));
  parcel->rows.copy_(rows, /*non_blocking=*/far);
  if (far) {
    parcel->arrived.emplace(rows_.device().type());
    parcel->arrived->record(c10::impl::VirtualGuardImpl(rows_.device().type()).getStream(rows_.device()));
  }
  sent_.push_back(std::move(parcel));
}

std::vector<Record::Row> Record::receive() {
  require(!sent_.empty(), "no iteration is on its way");
  const auto parcel = std::move(sent_.front());
  sent_.pop_front();
  if (parcel->arrived) parcel->arrived->synchronize();
  std::vector<Row> out;
  const double* value = parcel->rows.const_data_ptr<double>();
  for (int64_t i = 0; i < parcel->rows.size(0); ++i, value += kColumns) {
    out.push_back({value[0], value[1], value[2], value[3], value[4]});
  }
  return out;
}

}  // namespace monge::train
