#include "monge/data/standardise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/row_source.h"
#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "tests/data/named_table.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::relative_error;

constexpr uint64_t kSeed = 5;

std::shared_ptr<const Source> rows_of(const torch::Tensor& rows) {
  return std::make_shared<TensorSource>("rows", rows);
}

/// Rows of three columns: far from 0 against its spread, wide, narrow.
torch::Tensor table(int64_t n, int64_t step) {
  return torch::randn({n, 3}, RandomStreams(1).at("table", step)) * torch::tensor({0.5f, 1000.f, 1e-3f}) +
         torch::tensor({10'000.f, -3.f, 0.f});
}

TEST(Standardise, EachIsTheMeanAndTheDeviationOfItsOwnColumns) {
  const auto p = table(500, 0), q = table(70, 1) * 2 + 1;
  std::string logged;
  const auto s = measure_columns(*rows_of(p), *rows_of(q), "each", kSeed,
                                 [&](LogLevel, const std::string& line) { logged += line + "\n"; });
  for (const auto& [columns, rows] : {std::pair{&s.source, &p}, {&s.target, &q}}) {
    const auto wide = rows->to(torch::kFloat64);
    EXPECT_LT(relative_error(columns->mean, wide.mean(0)), 1e-12);
    EXPECT_LT(((columns->scale - wide.std(0, /*unbiased=*/false)) / columns->scale).abs().max().item<double>(), 1e-9);
    const auto z = columns->apply(*rows).to(torch::kFloat64);
    EXPECT_LT(z.mean(0).abs().max().item<double>(), 1e-6);
    EXPECT_LT((z.std(0, false) - 1).abs().max().item<double>(), 1e-6);
  }
  EXPECT_EQ(logged, "data.standardise = each: measured on all 500 rows of the source and all 70 rows of the target\n");
}

// Of 500 and of 70 rows: the statistics of the even mixture are those of 7 copies of p beside 50 of q.
TEST(Standardise, JointIsOfTheEvenMixture) {
  const auto p = table(500, 0), q = table(70, 1) * 2 + 1;
  const auto s = measure_columns(*rows_of(p), *rows_of(q), "joint", kSeed);
  const auto both = torch::cat({p.repeat({7, 1}), q.repeat({50, 1})}).to(torch::kFloat64);
  EXPECT_LT(relative_error(s.source.mean, both.mean(0)), 1e-12);
  EXPECT_LT(((s.source.scale - both.std(0, false)) / s.source.scale).abs().max().item<double>(), 1e-9);
  EXPECT_TRUE(torch::equal(s.source.mean, s.target.mean) && torch::equal(s.source.scale, s.target.scale));
  EXPECT_THAT(message_of([&] { measure_columns(*rows_of(p), *rows_of(torch::rand({9, 2})), "joint", kSeed); }),
              HasSubstr("the source has 3 columns, the target 2"));
}

TEST(Standardise, AColumnWithoutSpreadKeepsItsScale) {
  auto p = torch::rand({1000, 4}, RandomStreams(2).at("p", 0));
  p.select(1, 1).fill_(0.1f);  // a sum of 1,000 of them, divided by 1,000, lies beside 0.1
  p.select(1, 3).fill_(0.f);
  auto q = p.clone();
  q.select(1, 1).fill_(0.3f);
  std::string logged;
  const LogSink log = [&](LogLevel, const std::string& line) { logged += line + "\n"; };
  const auto each = measure_columns(*rows_of(p), *rows_of(q), "each", kSeed, log);
  EXPECT_EQ(each.source.scale[1].item<double>(), 1);
  EXPECT_EQ(each.source.scale[3].item<double>(), 1);
  EXPECT_LT(each.source.apply(p).select(1, 1).abs().max().item<double>(), 1e-7);
  EXPECT_THAT(logged, AllOf(HasSubstr("source: 2 of 4 columns have no spread and keep their scale: 1, 3"),
                            HasSubstr("target: 2 of 4")));
  logged.clear();
  const auto joint =
      measure_columns(*rows_of(p), *rows_of(q), "joint", kSeed, log);  // between the sides there is a spread
  EXPECT_NEAR(joint.source.scale[1].item<double>(), 0.1, 1e-7);
  EXPECT_EQ(joint.source.scale[3].item<double>(), 1);
  EXPECT_THAT(logged, HasSubstr("both sides: 1 of 4 columns have no spread and keep their scale: 3"));
}

TEST(Standardise, OfManyRowsASampleIsTakenThatGoesByTheSeed) {
  const auto large = std::make_shared<RowSource>("large", torch::rand({140'000, 2}, RandomStreams(3).at("rows", 0)));
  std::string logged;
  const LogSink log = [&](LogLevel, const std::string& line) { logged += line; };
  const auto a = measure_columns(*large, *large, "each", kSeed, log),
             b = measure_columns(*large, *large, "each", kSeed), c = measure_columns(*large, *large, "each", kSeed + 1);
  EXPECT_THAT(logged,
              HasSubstr("measured on 131072 of 140000 rows of the source and 131072 of 140000 rows of the target"));
  EXPECT_TRUE(torch::equal(a.source.mean, b.source.mean) && torch::equal(a.target.mean, a.source.mean));
  EXPECT_FALSE(torch::equal(a.source.mean, c.source.mean));
  // Five standard errors of the uniform law.
  EXPECT_LT((a.source.mean - 0.5).abs().max().item<double>(), 5 * 0.2887 / std::sqrt(131'072.0));
  EXPECT_NEAR(a.source.scale[0].item<double>(), 0.2887, 0.002);
}

TEST(Standardise, OfAnEndlessLawDrawsAreTaken) {
  const auto law = open_toy("toy:gaussian?dim=2");
  std::string logged;
  const auto s = measure_columns(*law, *rows_of(table(50, 0).narrow(1, 0, 2)), "each", kSeed,
                                 [&](LogLevel, const std::string& line) { logged += line; });
  EXPECT_THAT(logged, HasSubstr("measured on 131072 draws of the source and all 50 rows"));
  EXPECT_LT(s.source.mean.abs().max().item<double>(), 5 / std::sqrt(131'072.0));
  EXPECT_NEAR(s.source.scale[0].item<double>(), 1, 0.02);
}

TEST(Standardise, RefusesImages) {
  const auto images = std::make_shared<TensorSource>("faces", torch::rand({4, 3, 8, 8}));
  EXPECT_THAT(
      message_of([&] { measure_columns(*images, *images, "joint", kSeed); }),
      AllOf(HasSubstr("data.standardise: standardisation needs vectors, but faces has items of shape [3, 8, 8]"),
            HasSubstr("\"off\"")));
  EXPECT_THAT(message_of([&] {
                StandardisedSource(images,
                                   Columns{torch::zeros({3}, torch::kFloat64), torch::ones({3}, torch::kFloat64)});
              }),
              HasSubstr("items of shape [3, 8, 8]"));
}

TEST(Standardise, UndoGivesTheRowsBack) {
  const auto p = table(500, 0);
  const auto s = measure_columns(*rows_of(p), *rows_of(p), "each", kSeed);
  const auto back = s.source.undo(s.source.apply(p));
  ASSERT_EQ(back.scalar_type(), torch::kFloat64);
  // Each way rounds once: half a unit of the last place of z, times the scale, and one of the row itself.
  EXPECT_LT(((back - p).abs() / (p.abs() + s.source.scale.to(torch::kFloat32) * 4)).max().item<double>(), 2e-7);
  EXPECT_THAT(message_of([&] { s.source.apply(torch::rand({5, 2})); }),
              HasSubstr("rows of 3 columns are needed, got the shape [5, 2]"));
}

/// The columns of ../shared/cases/float64-offset: ordinary, metres north of the equator, seconds since 1970.
torch::Tensor far_table(int64_t n, int64_t step) {
  return torch::randn({n, 3}, RandomStreams(4).at("far", step), torch::kFloat64) *
             torch::tensor({1., 0.1, 10.}, torch::kFloat64) +
         torch::tensor({0., 5.8e6, 1.75e9}, torch::kFloat64);
}

TEST(Standardise, IsInDoubleBeforeItRounds) {
  const auto p = far_table(400, 0), shift = torch::tensor({2., 0.2, 30.}, torch::kFloat64);
  const auto whole = std::make_shared<NamedTable>("p", p), other = std::make_shared<NamedTable>("q", p + shift);
  const auto s = measure_columns(*whole, *other, "joint", kSeed);
  EXPECT_LT(relative_error(s.source.mean, p.mean(0) + shift / 2), 1e-15);
  EXPECT_LT(((s.source.scale - torch::cat({p, p + shift}).std(0, false)) / s.source.scale).abs().max().item<double>(),
            1e-6);
  const StandardisedSource source(whole, s.source), target(other, s.target);
  std::vector<int64_t> all(400);
  std::iota(all.begin(), all.end(), 0);
  const auto z = source.items(all), moved = target.items(all);
  const auto expected = (p - s.source.mean) / s.source.scale;
  EXPECT_LT((z - expected).abs().max().item<double>(), 5e-7);  // of numbers up to 4, rounded once
  EXPECT_LT((source.exact_items(all) - expected).abs().max().item<double>(), 1e-15);
  EXPECT_LT(((moved - z).to(torch::kFloat64) * s.source.scale - shift).abs().div(s.source.scale).max().item<double>(),
            1e-6);
  // And back: what float32 resolves in standard units, and the rounding of double at 1.75e9.
  const auto back = s.source.undo(z);
  const auto steps = s.source.resolution();
  for (int64_t k = 0; k < 3; ++k) {
    EXPECT_LT((back - p).select(1, k).abs().max().item<double>(), 4 * steps[static_cast<size_t>(k)] + 3e-7) << k;
  }
  EXPECT_DOUBLE_EQ(steps[2], s.source.scale[2].item<double>() / 16'777'216);
  // The same choice of rows as the raw source makes.
  const auto drawn = source.draw(7, RandomStreams(0).at("d", 0));
  EXPECT_TRUE(torch::equal(drawn, s.source.apply(whole->exact_draw(7, RandomStreams(0).at("d", 0)))));
  EXPECT_TRUE(torch::equal(source.exact_draw(7, RandomStreams(0).at("d", 0)).to(torch::kFloat32), drawn));
}

// What float32 holds as it is keeps its bits.
TEST(Standardise, ATableInFloat32GivesTheBitsOfTheSameInFloat64) {
  const auto p = table(300, 0);
  const NamedTable wide("p", p.to(torch::kFloat64));
  for (const char* kind : {"joint", "each", "scale"}) {
    const auto a = measure_columns(*rows_of(p), *rows_of(p * 2), kind, kSeed),
               b = measure_columns(wide, NamedTable("q", p.to(torch::kFloat64) * 2), kind, kSeed);
    EXPECT_TRUE(torch::equal(a.source.mean, b.source.mean) && torch::equal(a.target.scale, b.target.scale)) << kind;
    EXPECT_TRUE(torch::equal(a.source.apply(p), b.source.apply(p.to(torch::kFloat64)))) << kind;
  }
}

TEST(Standardise, ScaleHasOneMeanAndOneScale) {
  const auto p = table(500, 0), q = table(500, 1) * 2 + 1;
  const auto s = measure_columns(*rows_of(p), *rows_of(q), "scale", kSeed),
             joint = measure_columns(*rows_of(p), *rows_of(q), "joint", kSeed);
  EXPECT_TRUE(torch::equal(s.source.mean, joint.source.mean) && torch::equal(s.source.mean, s.target.mean));
  EXPECT_TRUE(torch::equal(s.source.scale, s.target.scale));
  const auto wide = torch::cat({p, q}).to(torch::kFloat64);
  const double scale = (wide - wide.mean(0)).square().mean().sqrt().item<double>();
  EXPECT_LT(((s.source.scale - scale) / scale).abs().max().item<double>(), 1e-9);
  // Distances keep their proportions: the transport problem is the same but for the unit of length.
  const auto a = s.source.apply_exactly(p), b = s.target.apply_exactly(q);
  EXPECT_LT(relative_error((a - b).norm(2, 1) * scale, (p.to(torch::kFloat64) - q.to(torch::kFloat64)).norm(2, 1)),
            1e-12);
  const auto constant = torch::full({9, 2}, 7.f);
  EXPECT_EQ(measure_columns(*rows_of(constant), *rows_of(constant), "scale", kSeed).source.scale[1].item<double>(), 1);
  EXPECT_THAT(message_of([&] { measure_columns(*rows_of(p), *rows_of(torch::rand({9, 2})), "scale", kSeed); }),
              HasSubstr("data.standardise = scale: the source has 3 columns, the target 2"));
}

TEST(Standardise, NamesColumnsWithoutSpread) {
  std::string logged;
  const NamedTable p("p", torch::tensor({{1., 2.}, {1., 3.}}, torch::kFloat64),
                     {.columns = {"weight", "height"}, .rows = {}, .index = ""});
  measure_columns(p, p, "each", kSeed, [&](LogLevel, const std::string& line) { logged += line; });
  EXPECT_THAT(logged, HasSubstr("1 of 2 columns have no spread and keep their scale: \"weight\""));
}

TEST(Standardise, ASourceGivesItsItemsInStandardUnits) {
  const auto p = table(40, 0);
  const auto whole = rows_of(p);
  const auto s = measure_columns(*whole, *whole, "each", kSeed);
  const StandardisedSource source(whole, s.source);
  EXPECT_EQ(source.name(), "rows");
  EXPECT_EQ(source.size(), 40);
  EXPECT_EQ(source.item_name(7), "000007");
  const auto mapped = std::make_shared<RowSource>("mapped", p.to(torch::kFloat64));
  EXPECT_FALSE(StandardisedSource(mapped, s.source).is_quick());
  EXPECT_EQ(StandardisedSource(mapped, s.source).number_type(), torch::kFloat64);
  EXPECT_TRUE(torch::equal(source.items({3, 1}), s.source.apply(torch::stack({p[3], p[1]}))));
  EXPECT_TRUE(torch::equal(source.draw(9, RandomStreams(0).at("d", 0)),
                           s.source.apply(whole->draw(9, RandomStreams(0).at("d", 0)))));
}

TEST(Standardise, TensorsOfAFileAreCheckedWhenTaken) {
  const auto p = table(40, 0);
  const auto s = measure_columns(*rows_of(p), *rows_of(p * 3), "each", kSeed);
  auto tensors = tensors_of(s);
  tensors.emplace_back("map/0.weight", torch::ones({2}));
  const auto good = tensors;
  const auto taken = take_standardisation(tensors, "f");
  ASSERT_TRUE(taken.has_value());
  EXPECT_TRUE(torch::equal(taken->target.scale, s.target.scale) && torch::equal(taken->source.mean, s.source.mean));
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].first, "map/0.weight");
  EXPECT_FALSE(take_standardisation(tensors, "f").has_value());

  const auto complaint = [&](size_t index, const torch::Tensor& other) {
    auto spoilt = good;
    spoilt[index].second = other;
    return message_of([&] { take_standardisation(spoilt, "f"); });
  };
  EXPECT_THAT(
      complaint(1, torch::zeros({3}, torch::kFloat64)),
      HasSubstr("f: the tensor \"standardise/source/scale\" is not a scale of columns (float64 [D], finite, above 0)"));
  EXPECT_THAT(complaint(3, torch::ones({4}, torch::kFloat64)), HasSubstr("standardise/target/scale"));
  EXPECT_THAT(complaint(0, torch::full({3}, NAN, torch::kFloat64)),
              HasSubstr("\"standardise/source/mean\" is not a mean"));
  EXPECT_THAT(complaint(2, torch::zeros({3})), HasSubstr("standardise/target/mean"));
  auto lacking = good;
  lacking.erase(lacking.begin() + 2);
  EXPECT_THAT(message_of([&] { take_standardisation(lacking, "f"); }),
              HasSubstr("f: lacks the tensor \"standardise/target/mean\""));
}

}  // namespace
}  // namespace monge::data
