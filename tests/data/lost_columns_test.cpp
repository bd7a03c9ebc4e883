#include "monge/data/lost_columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/random.h"
#include "monge/data/standardise.h"
#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "tests/data/named_table.h"

namespace monge::data {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

torch::Generator stream() { return RandomStreams(3).at("lost", 0); }

std::shared_ptr<const Source> table(double offset, double spread) {
  const auto z = torch::randn({400, 2}, RandomStreams(1).at("rows", 0), torch::kFloat64);
  return std::make_shared<NamedTable>(
      "t", z * torch::tensor({1., spread}, torch::kFloat64) + torch::tensor({0., offset}, torch::kFloat64));
}

TEST(LostColumns, AreThoseOfTheUnitsThatASourceGives) {
  const auto raw = table(1.75e9, 10);
  EXPECT_THAT(lost_columns(*raw, 100, stream()), ElementsAre(1));
  for (const char* kind : {"joint", "each", "scale"}) {
    const auto s = measure_columns(*raw, *raw, kind, 0);
    EXPECT_THAT(lost_columns(StandardisedSource(raw, s.source), 100, stream()), IsEmpty()) << kind;
  }
  // The mean of the two sides lies far from both.
  const auto far = table(-1.75e9, 10);
  const auto joint = measure_columns(*raw, *far, "joint", 0), each = measure_columns(*raw, *far, "each", 0);
  EXPECT_THAT(lost_columns(StandardisedSource(raw, joint.source), 100, stream()), ElementsAre(1));
  EXPECT_THAT(lost_columns(StandardisedSource(raw, each.source), 100, stream()), IsEmpty());
}

std::shared_ptr<const Source> with_fill_value(double value, uint64_t seed) {
  auto z = torch::randn({400, 2}, RandomStreams(seed).at("rows", 0), torch::kFloat64);
  z[11][1] = value;
  return std::make_shared<NamedTable>("t", z);
}

TEST(LostColumns, AFillValueLosesItsColumnInStandardUnits) {
  for (const double value : {1e10, 1e20, -3.4e38}) {
    const auto p = with_fill_value(value, 1), q = with_fill_value(value, 2);
    for (const char* kind : {"joint", "each"}) {
      const auto s = measure_columns(*p, *q, kind, 0);
      const StandardisedSource source(p, s.source), target(q, s.target);
      // Whether or not the row itself is among those that are looked at.
      for (const int64_t rows : {100, 400})
        EXPECT_THAT(lost_columns(source, rows, stream()), ElementsAre(1)) << kind << " " << value;
      EXPECT_THAT(loss_causes(source, &target, {1}, 100, stream()), ElementsAre(LossCause::stretched))
          << kind << " " << value;
    }
    EXPECT_THAT(lost_columns(*p, 400, stream()), IsEmpty()) << "raw";
  }
}

TEST(LostColumns, HaveTheirCauses) {
  const auto raw = table(1.75e9, 10), far = table(-1.75e9, 10);
  EXPECT_THAT(loss_causes(*raw, far.get(), {1}, 100, stream()), ElementsAre(LossCause::offset));
  const auto joint = measure_columns(*raw, *far, "joint", 0);
  const StandardisedSource source(raw, joint.source), target(far, joint.target);
  EXPECT_THAT(loss_causes(source, &target, {1}, 100, stream()), ElementsAre(LossCause::sides_apart));
  EXPECT_THAT(loss_causes(target, &source, {1}, 100, stream()), ElementsAre(LossCause::sides_apart));
  // Measured on other rows, from which these are 1.75e8 deviations away.
  const auto other = table(0, 10);
  const auto s = measure_columns(*other, *other, "joint", 0);
  const StandardisedSource moved(raw, s.source);
  EXPECT_THAT(lost_columns(moved, 100, stream()), ElementsAre(1));
  EXPECT_THAT(loss_causes(moved, &moved, {1}, 100, stream()), ElementsAre(LossCause::offset));
  EXPECT_THAT(loss_causes(moved, nullptr, {}, 100, stream()), IsEmpty());
}

TEST(LostColumns, ThereAreNoneInImagesAndLaws) {
  EXPECT_THAT(lost_columns(TensorSource("images", torch::rand({5, 3, 8, 8})), 100, stream()), IsEmpty());
  EXPECT_THAT(lost_columns(*open_toy("toy:gaussian"), 100, stream()), IsEmpty());
}

}  // namespace
}  // namespace monge::data
