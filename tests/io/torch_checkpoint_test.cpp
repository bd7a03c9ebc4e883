#include "monge/io/torch_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "monge/io/safetensors.h"
#include "tests/io/damage.h"
#include "tests/io/pickles.h"
#include "tests/io/tensors.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;
using namespace monge::testing;  // NOLINT: the pickle operations read like a listing

std::string complaint_about(const std::string& bytes) {
  return message_of([&] { parse_torch_checkpoint(bytes, "evil.pt"); });
}

/// Four floats 0 1 2 3 as the bytes of a storage.
std::string four_floats() { return std::string(bytes_of(torch::arange(4, torch::kFloat32))); }

TensorFile read_one(const std::string& operations) {
  return parse_torch_checkpoint(checkpoint_of(pickle_of(operations), {four_floats()}), "x.pt");
}

TEST(TorchCheckpoint, KeepsEveryTypeAndShape) {
  const ScratchFolder scratch;
  const auto content = tensors_of_all_types();

  write_torch_checkpoint(scratch / "all.pt", content);

  expect_same(content, read_torch_checkpoint(scratch / "all.pt"));
}

TEST(TorchCheckpoint, WritesTheSameBytesForTheSameTensors) {
  EXPECT_EQ(torch_checkpoint_bytes(tensors_of_all_types(), "a"), torch_checkpoint_bytes(tensors_of_all_types(), "a"));
}

TEST(TorchCheckpoint, BeginsEveryStorageAtAMultipleOf64) {
  const auto bytes = torch_checkpoint_bytes(tensors_of_all_types(), "a");
  for (const auto& entry : read_stored_zip(bytes, "a.pt")) {
    EXPECT_EQ((entry.bytes.data() - bytes.data()) % 64, 0) << entry.name;
  }
}

TEST(TorchCheckpoint, ReadsStridedAndSharedViews) {
  const auto storage = storage_op("FloatStorage", "0", 4);
  const auto content =
      read_one("}(" + text_op("t") + tensor_op(storage, 0, {2, 2}, {1, 2}) + text_op("tail") +
               tensor_op(storage, 2, {2}, {1}) + text_op("last") + tensor_op(storage, 3, {}, {}) + "u");

  EXPECT_TRUE(torch::equal(content.at("t", ""), torch::arange(4, torch::kFloat32).view({2, 2}).t()));
  EXPECT_TRUE(torch::equal(content.at("tail", ""), torch::tensor({2.f, 3.f})));
  EXPECT_EQ(content.at("last", "").item<float>(), 3);
}

TEST(TorchCheckpoint, ReadsParametersUntypedStoragesAndAttributes) {
  const auto tensor = tensor_op(storage_op("FloatStorage", "0", 4), 0, {4}, {1});
  const auto parameter = global_op("torch._utils", "_rebuild_parameter") + "(" + tensor + "\x88" +
                         global_op("collections", "OrderedDict") + ")RtR";
  const auto untyped = "(" + text_op("storage") + global_op("torch.storage", "UntypedStorage") + text_op("0") +
                       text_op("cpu") + int_op(16) + "tQ";
  const auto by_dtype = global_op("torch._utils", "_rebuild_tensor_v3") + "(" + untyped + int_op(0) + tuple_op({4}) +
                        tuple_op({1}) + "\x89" + global_op("collections", "OrderedDict") + ")R" +
                        global_op("torch", "float32") + "tR";
  const auto metadata = dict_op("_metadata", global_op("collections", "OrderedDict") + ")R");

  const auto content = read_one(global_op("collections", "OrderedDict") + ")R(" + text_op("p") + parameter +
                                text_op("v3") + by_dtype + "u" + metadata + "b");

  ASSERT_EQ(content.tensors.size(), 2u);
  for (const auto& entry : content.tensors) EXPECT_TRUE(torch::equal(entry.second, torch::arange(4, torch::kFloat32)));
}

TEST(TorchCheckpoint, FlattensContainersAndKeepsScalarsAsNotes) {
  const auto tensor = tensor_op(storage_op("FloatStorage", "0", 4), 0, {4}, {1});
  const auto content = read_one("}(" + text_op("net") + dict_op("0.weight", tensor) + text_op("both") + "](" + tensor +
                                tensor + "e" + text_op("epoch") + int_op(-5) + text_op("lr") + "G\x3f\xe0" +
                                std::string(6, '\0') + text_op("done") + "\x88" + text_op("state") + "}" + int_op(3) +
                                text_op("adam") + "s" + text_op("none") + "N" + text_op("code") + "C\x01z" +
                                text_op("size") + global_op("torch", "Size") + "(" + tuple_op({2, 3}) + "tRu");

  std::vector<std::string> names;
  for (const auto& entry : content.tensors) names.push_back(entry.first);
  EXPECT_THAT(names, ::testing::ElementsAre("net.0.weight", "both.0", "both.1"));
  const std::map<std::string, std::string> notes{{"epoch", "-5"},  {"lr", "0.5"},       {"done", "True"},
                                                 {"none", "None"}, {"state.3", "adam"}, {"size.0", "2"},
                                                 {"size.1", "3"}};
  EXPECT_EQ(content.metadata, notes);
}

TEST(TorchCheckpoint, NamesALoneTensor) {
  const auto content = read_one(tensor_op(storage_op("FloatStorage", "0", 4), 0, {4}, {1}));
  EXPECT_TRUE(torch::equal(content.at("tensor", ""), torch::arange(4, torch::kFloat32)));
}

TEST(TorchCheckpoint, ReadsTheLegacyFormat) {
  const auto view = "(" + text_op("storage") + global_op("torch.cuda", "FloatStorage") + text_op("0") +
                    text_op("cuda:1") + int_op(4) + "(" + text_op("view") + int_op(1) + int_op(2) + "ttQ";
  const auto content = parse_torch_checkpoint(legacy_head() + pickle_of(dict_op("v", tensor_op(view, 0, {2}, {1}))) +
                                                  legacy_keys(1) + raw(int64_t{4}) + four_floats(),
                                              "old.pth");
  EXPECT_TRUE(torch::equal(content.at("v", ""), torch::tensor({1.f, 2.f})));
}

/// An object of `name`: made from () or by a call of the class with `arguments`, with `state` where it is not empty.
std::string object_op(const std::string& module, const std::string& name, const std::string& state,
                      const std::string& arguments = ")") {
  return global_op(module, name) + arguments + (arguments == ")" ? "\x81" : "R") + (state.empty() ? "" : state + "b");
}

TEST(TorchCheckpoint, ReadsObjectsAsWhatTheyHold) {
  const auto tensor = tensor_op(storage_op("FloatStorage", "0", 4), 0, {4}, {1});
  const auto float64 = object_op("numpy", "dtype", "(K\x03" + text_op("<") + "t", text_op("f8") + "\x85");
  const auto big16 = object_op("numpy", "dtype", "(K\x03" + text_op(">") + "t", text_op("i2") + "\x85");
  const auto content = read_one(
      "}(" + text_op("args") + object_op("argparse", "Namespace", dict_op("lr", int_op(3))) +                       //
      text_op("count") + global_op("collections", "Counter") + dict_op("a", int_op(2)) + "\x85R" +                  //
      text_op("path") + global_op("pathlib", "PosixPath") + text_op("/") + text_op("a") + text_op("b") + "\x87R" +  //
      text_op("best") + global_op("numpy.core.multiarray", "scalar") + float64 + "C\x08" + raw(1.5) + "\x86R" +     //
      text_op("big") + global_op("numpy._core.multiarray", "scalar") + big16 + "C\x02\x01\x02" + "\x86R" +          //
      text_op("model") + object_op("mylib", "Ema", dict_op("shadow", tensor)) +                                     //
      text_op("slots") + object_op("mylib", "Slotted", "N" + dict_op("w", tensor) + "\x86") +                       //
      text_op("entries") + object_op("mylib", "Settings", "") + text_op("k") + int_op(5) + "s" +                    //
      text_op("mode") + global_op("mylib", "Mode") + text_op("fast") + "\x85R" + "u");

  std::vector<std::string> names;
  for (const auto& entry : content.tensors) names.push_back(entry.first);
  EXPECT_THAT(names, ::testing::ElementsAre("model.shadow", "slots.w"));
  const std::map<std::string, std::string> notes{{"args.lr", "3"},  {"count.a", "2"}, {"path", "/a/b"},
                                                 {"best", "1.5"},   {"big", "258"},   {"entries.k", "5"},
                                                 {"mode.0", "fast"}};
  EXPECT_EQ(content.metadata, notes);
  EXPECT_THAT(content.skipped_classes,
              ::testing::ElementsAre("mylib.Ema", "mylib.Mode", "mylib.Settings", "mylib.Slotted"));
}

TEST(TorchCheckpoint, ReadsAWholeNetworkOfTheLegacyFormat) {
  const auto tensor = tensor_op(storage_op("FloatStorage", "0", 4), 0, {4}, {1});
  // The class of a module comes by a persistent id with the text of its source.
  const auto type =
      "(" + text_op("module") + global_op("mylib", "Net") + text_op("net.py") + text_op("class Net: ...") + "tQ";
  const auto module = [&](const std::string& parameters, const std::string& modules) {
    return type + ")\x81}(" + text_op("training") + "\x88" + text_op("_parameters") + parameters + text_op("_buffers") +
           "}" + text_op("_modules") + modules + text_op("hooks") + dict_op("x", tensor) + "ub";
  };
  const auto content = parse_torch_checkpoint(
      legacy_head() + pickle_of(module("}", dict_op("0", module(dict_op("weight", tensor), "}")))) + legacy_keys(1) +
          raw(int64_t{4}) + four_floats(),
      "net.pt");
  ASSERT_EQ(content.tensors.size(), 1u);
  EXPECT_EQ(content.tensors[0].first, "0.weight");
  EXPECT_EQ(content.skipped_classes, std::vector<std::string>{"mylib.Net"});
}

TEST(TorchCheckpoint, ObjectsInCirclesEnd) {
  // a.self = a and a.w = w; then b.a = a, where it has been looked into already.
  const auto tensor = tensor_op(storage_op("FloatStorage", "0", 4), 0, {4}, {1});
  const auto content = read_one("}" + text_op("a") + global_op("mylib", "A") + ")\x81q\x01}" + text_op("self") +
                                "h\x01s" + text_op("w") + tensor + "sbs" + text_op("b") + "h\x01s");
  ASSERT_EQ(content.tensors.size(), 1u);
  EXPECT_EQ(content.tensors[0].first, "a.w");
}

// Networks that hold one another twice, each with a list of names that would be read at every visit.
TEST(TorchCheckpoint, NetworksInCirclesEnd) {
  auto names = "](" + text_op("n") + "q\x02";
  for (int i = 0; i < 100'000; ++i) names += "h\x02";
  const auto net = global_op("mylib", "Net") + ")\x81q\x01}(" + text_op("_parameters") + "}" + text_op("_buffers") +
                   "}" + text_op("_non_persistent_buffers_set") + names + "e" + text_op("_modules") + "}(" +
                   text_op("a") + "h\x01" + text_op("b") + "h\x01" + "uub";
  EXPECT_THAT(message_of([&] { read_one(net); }), HasSubstr("names and strings exceed 256 MiB"));
}

TEST(TorchCheckpoint, RefusesCallsBesideObjects) {
  const auto call = "(" + text_op("echo ran") + "tR";
  for (const auto& inside : {object_op("mylib", "Config", dict_op("x", global_op("os", "system") + call)),
                             object_op("functools", "partial", "", global_op("builtins", "eval") + "\x85"),
                             object_op("mylib", "os.system", "", text_op("echo ran") + "\x85")}) {
    EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(dict_op("x", inside)))),
                HasSubstr("refuses to load the Python object"));
  }
  // What an inert object "returns" cannot be called.
  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(object_op("mylib", "Config", "") + ")R"))),
              HasSubstr("calls something, which is not a function"));
}

TEST(TorchCheckpoint, RefusesEveryOtherNameBeforeItCouldRun) {
  const auto call = "(" + text_op("echo ran") + "tR";
  EXPECT_EQ(complaint_about(checkpoint_of(pickle_of(global_op("posix", "system") + call))),
            "evil.pt: refuses to load the Python object \"posix.system\"; only tensors and containers are read");
  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(dict_op("w", global_op("builtins", "eval") + call)))),
              HasSubstr("\"builtins.eval\""));
  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of("(" + text_op("echo") + "ios\nsystem\n"))),
              HasSubstr("\"os.system\""));
  EXPECT_THAT(complaint_about(checkpoint_of("\x80\x04\x8c\x02os\x8c\x06system\x93.")), HasSubstr("\"os.system\""));
  EXPECT_THAT(complaint_about(legacy_head() + pickle_of(global_op("nt", "system") + call)), HasSubstr("\"nt.system\""));
  EXPECT_THAT(complaint_about("cos\nsystem\n(S'echo ran'\ntR."), HasSubstr("is not a PyTorch checkpoint"));
  // Names close to the known ones, and what would load a pickle inside of the pickle.
  for (const std::string name :
       {"torch.FloatStorages", "torch.load", "torch.storage._load_from_bytes", "torch.", "torch"}) {
    const auto dot = name.rfind('.');
    const auto module = dot == std::string::npos ? "" : name.substr(0, dot);
    EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(global_op(module, name.substr(dot + 1))))),
                HasSubstr("refuses to load the Python object"))
        << name;
  }
}

TEST(TorchCheckpoint, RefusesOperationsOutOfPlace) {
  const auto complaint = [](const std::string& operations) {
    return complaint_about(checkpoint_of(pickle_of(operations)));
  };
  EXPECT_THAT(complaint("h\x07"), HasSubstr("a reference to the missing memo entry 7"));
  EXPECT_THAT(complaint("j\xff\xff\xff\xff"), HasSubstr("a reference to the missing memo entry 4294967295"));
  EXPECT_THAT(complaint(""), HasSubstr("an operation on an empty stack"));
  EXPECT_THAT(complaint("t"), HasSubstr("no mark where one is required"));
  EXPECT_THAT(complaint("](\x85"), HasSubstr("an operation on an empty stack"));
  EXPECT_THAT(complaint(")" + int_op(1) + "a"), HasSubstr("items added to a value that holds none"));
  EXPECT_THAT(complaint("}(Nu"), HasSubstr("a key without a value"));
  EXPECT_THAT(complaint("N}b"), HasSubstr("attributes for an object that has none"));
  EXPECT_THAT(complaint("NNR"), HasSubstr("calls something, which is not a function"));
  EXPECT_THAT(complaint(global_op("torch", "float32") + ")R"), HasSubstr("\"torch.float32\", which is not a function"));
  EXPECT_THAT(complaint("NQ"), HasSubstr("the arguments of \"persistent id\""));
  EXPECT_THAT(complaint(global_op("torch._utils", "_rebuild_tensor_v2") + ")R"),
              HasSubstr("the arguments of \"torch._utils._rebuild_tensor_v2\" are not those that torch.save writes"));
  EXPECT_THAT(complaint("\x82\x01"), HasSubstr("the operation \"\\x82\" at byte 2"));
  EXPECT_THAT(complaint("X\xff\xff\xff\x7f"), HasSubstr("is truncated: 2147483647 bytes needed, 1 are left"));
  EXPECT_THAT(complaint("cos"), HasSubstr("an unterminated name"));
  EXPECT_THAT(complaint("K\x01"), HasSubstr("holds neither a tensor nor a container of tensors"));
}

TEST(TorchCheckpoint, RefusesContainersThatExplode) {
  std::string deep, laughs = "]q\x01";
  for (int i = 0; i < 100'000; ++i) deep += ']';
  for (int i = 1; i < 100'000; ++i) deep += 'a';
  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(deep))), HasSubstr("nested deeper than 64"));

  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of("]q\x01h\x01"
                                                      "a"))),
              HasSubstr("nested deeper than 64"));  // a list in itself

  for (int i = 0; i < 50; ++i)
    laughs = laughs +
             "](h\x01h\x01"
             "eq\x01";
  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(laughs))), HasSubstr("names and strings exceed 256 MiB"));

  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(std::string(2'000'001, 'N')))),
              HasSubstr("more than 2000000 Python objects"));

  auto copies = "(" + std::string(10'000, 'N') + "tq\x01" + global_op("builtins", "set") + "q\x02" + "0";
  for (int i = 0; i < 2'000; ++i) copies += "h\x02h\x01\x85R";
  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(copies))), HasSubstr("more than 2000000 Python objects"));

  auto texts =
      text_op(std::string(10'000, 'x')) + text_op("latin1") + "\x86q\x01" + global_op("_codecs", "encode") + "q\x02";
  for (int i = 0; i < 100; ++i) texts += "h\x02h\x01R";
  EXPECT_THAT(complaint_about(checkpoint_of(pickle_of(texts))), HasSubstr("calls that produce more text"));
}

TEST(TorchCheckpoint, RefusesViewsThatLeaveTheirStorage) {
  const auto complaint = [](const std::string& storage, int64_t offset, const std::vector<int64_t>& sizes,
                            const std::vector<int64_t>& strides) {
    return message_of([&] { read_one(dict_op("w", tensor_op(storage, offset, sizes, strides))); });
  };
  const auto floats = storage_op("FloatStorage", "0", 4);
  EXPECT_EQ(complaint(floats, 1, {4}, {1}),
            "x.pt: tensor \"w\": shape [4] with strides [1] at offset 1 exceeds its storage of 4 elements; the file is "
            "damaged");
  EXPECT_THAT(complaint(floats, 5, {0}, {1}), HasSubstr("exceeds its storage"));
  EXPECT_THAT(complaint(floats, -1, {1}, {1}), HasSubstr("begins at the negative offset -1"));
  EXPECT_THAT(complaint(floats, 3, {2}, {-1}), HasSubstr("has the negative stride -1"));
  EXPECT_THAT(complaint(floats, 0, {-2}, {1}), HasSubstr("negative extent, got -2"));
  EXPECT_THAT(complaint(floats, 0, {int64_t{1} << 62, 4}, {1, 1}), HasSubstr("overflows"));
  EXPECT_THAT(complaint(floats, 0, {2, 2}, {int64_t{1} << 62, int64_t{1} << 62}), HasSubstr("overflows"));
  EXPECT_THAT(complaint(floats, 0, {int64_t{1} << 40}, {0}), HasSubstr("expanded view of only 4 elements"));
  EXPECT_THAT(complaint(floats, 0, {2, 2}, {1}), HasSubstr("are not those that torch.save writes"));
  EXPECT_THAT(complaint(storage_op("FloatStorage", "0", int64_t{1} << 62), 0, {1}, {1}), HasSubstr("overflows"));
  EXPECT_THAT(complaint(storage_op("FloatStorage", "0", 5), 0, {1}, {1}), HasSubstr("has 16 bytes instead of 20"));
  EXPECT_THAT(complaint(storage_op("FloatStorage", "7", 4), 0, {1}, {1}), HasSubstr("its storage \"7\" is missing"));
  EXPECT_THAT(complaint(storage_op("BoolStorage", "0", 16), 0, {16}, {1}), HasSubstr("neither 0 nor 1"));
}

TEST(TorchCheckpoint, RefusesOtherFiles) {
  EXPECT_THAT(complaint_about(""), HasSubstr("is empty"));
  EXPECT_THAT(complaint_about("<html>"), HasSubstr("neither a zip archive nor the legacy format of torch.save"));
  EXPECT_THAT(complaint_about(pickle_of("N")), HasSubstr("is a pickle, but torch.save did not write it"));
  EXPECT_THAT(complaint_about(legacy_head(1002)), HasSubstr("unknown version of the legacy format (allowed: 1001)"));
  EXPECT_THAT(complaint_about(legacy_head(1001, false)), HasSubstr("holds big-endian data"));
  StoredZipWriter zip;
  zip.add("x/data.pkl", pickle_of("}"));
  zip.add("x/byteorder", "big");
  EXPECT_THAT(complaint_about(zip.finish()), HasSubstr("holds \"big\"-endian data (allowed: little)"));
  zip.add("x/constants.pkl", "");
  EXPECT_THAT(complaint_about(zip.finish()), HasSubstr("is a TorchScript program"));
  zip.add("readme.txt", "");
  EXPECT_THAT(complaint_about(zip.finish()), HasSubstr("a zip archive without data.pkl"));
}

TEST(TorchCheckpoint, RefusesACutLegacyFile) {
  const auto object = pickle_of(dict_op("w", tensor_op(storage_op("FloatStorage", "0", 4), 0, {4}, {1})));
  const auto head = legacy_head() + object + legacy_keys(1);
  EXPECT_THAT(complaint_about(head), HasSubstr("the file is truncated before the storage \"0\""));
  EXPECT_THAT(complaint_about(head + raw(int64_t{4}) + "123"), HasSubstr("the storage \"0\" has 16 bytes, 3 are left"));
  EXPECT_THAT(complaint_about(head + raw(int64_t{-1})), HasSubstr("overflows"));
  EXPECT_THAT(complaint_about(legacy_head() + object + legacy_keys(2)),
              HasSubstr("truncated before the storage \"0\""));
  EXPECT_THAT(complaint_about(legacy_head() + object), HasSubstr("the pickle in this checkpoint is truncated"));
}

TEST(TorchCheckpoint, RefusesToWriteWhatItCouldNotReadBack) {
  const auto complaint = [](const TensorFile& content) {
    return message_of([&] { torch_checkpoint_bytes(content, "x"); });
  };
  EXPECT_THAT(complaint({{{"z", torch::ones({1}, torch::kComplexFloat)}}}),
              HasSubstr("tensor \"z\" has a type that monge cannot write to a checkpoint, got ComplexFloat"));
  EXPECT_THAT(complaint({{{"a", torch::ones({1})}, {"a", torch::ones({1})}}}), HasSubstr("\"a\" appears twice"));
}

TEST(TorchCheckpoint, SurvivesDamageToTheFile) {
  const auto valid = torch_checkpoint_bytes(tensors_of_all_types(), "x");
  const auto parse = [](const std::string& bytes) { parse_torch_checkpoint(bytes, "damaged"); };
  EXPECT_GT(refuses_damage(valid, 3000, parse), 2000);  // the rest hits padding
}

TEST(TorchCheckpoint, SurvivesDamageToThePickle) {
  const auto valid = torch_checkpoint_bytes(tensors_of_all_types(), "x");
  std::vector<ZipEntry> entries = read_stored_zip(valid, "x");
  std::string pickle, data;
  std::vector<std::string> storages;
  for (const auto& entry : entries) {
    if (entry.name == "x/data.pkl") pickle = entry.bytes;
    if (entry.name.starts_with("x/data/")) storages.emplace_back(entry.bytes);
  }

  EXPECT_GT(
      refuses_damage(pickle, 3000,
                     [&](const std::string& bytes) { parse_torch_checkpoint(checkpoint_of(bytes, storages), "x"); }),
      1500);

  const std::vector<int64_t> item_sizes{8, 4, 2, 2, 8, 4, 2, 1, 1, 1, 8, 4, 4, 4};
  ASSERT_EQ(item_sizes.size(), storages.size());
  auto legacy = legacy_head() + pickle + legacy_keys(storages.size());
  for (size_t i = 0; i < storages.size(); ++i) {
    legacy += raw(static_cast<int64_t>(storages[i].size()) / item_sizes[i]) + storages[i];
  }
  expect_same(tensors_of_all_types(), parse_torch_checkpoint(legacy, "x"));
  const auto parse = [](const std::string& bytes) { parse_torch_checkpoint(bytes, "damaged"); };
  EXPECT_GT(refuses_damage(legacy, 3000, parse), 1500);
}

}  // namespace
}  // namespace monge::io
