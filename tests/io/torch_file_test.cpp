#include "io/torch_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "io/pickle.h"
#include "io/scratch.h"
#include "io/zip.h"
#include "support/torch_writer.h"

namespace calotype {
namespace {

using testing::pickled_state;
using testing::PickleWriter;
using testing::torch_archive;
using testing::torch_stream;
using testing::zipped;

const std::array<float, 6> kValues = {0, 1, 2, 3, 4, 5};

std::span<const std::byte> bytes_of(const std::string& file) {
  return std::as_bytes(std::span(file.data(), file.size()));
}

std::string floats(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

StoredTensor matrix(const std::string& name = "a") {
  return {name, StoredType::f32, Shape{2, 3}, std::as_bytes(std::span(kValues))};
}

std::string refused(const std::string& file) {
  return refusal(ErrorKind::bad_file, [&] { parse_tensor_file(bytes_of(file), "f"); });
}

/// An archive whose dictionary of weights is {"a": a tensor, "b": what these opcodes leave}.
std::string beside(const std::string& opcodes) {
  PickleWriter pickle;
  pickle.raw("\x80\x02}").text("state_dict").raw("}(").text("a").tensor(matrix(), "0").text("b").raw(opcodes);
  return torch_archive(pickle.raw("us.").bytes(), {floats(kValues)});
}

/// An archive with one view of six floats.
std::string view(int64_t offset, std::vector<int64_t> sizes, std::vector<int64_t> strides) {
  PickleWriter pickle;
  pickle.raw("\x80\x02}").text("v").name("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage");
  pickle.name("torch", "FloatStorage").text("0").text("cpu").number(6).raw("tQ").number(offset);
  pickle.numbers(sizes).numbers(strides).raw("\x89").name("collections", "OrderedDict").raw(")RtRs.");
  return torch_archive(pickle.bytes(), {floats(kValues)});
}

std::string call(std::string_view module, std::string_view name) {
  return PickleWriter().name(module, name).raw("(").text("touch x").raw("tR").bytes();
}

TEST(TorchFile, ReadsArchivesWithoutCopying) {
  const std::array<uint16_t, 2> halves = {0x3c00, 0xbc00};
  const StoredTensor tensors[] = {matrix(),
                                  {"b.weight", StoredType::f16, Shape{2}, std::as_bytes(std::span(halves))},
                                  {"e", StoredType::f32, Shape{0, 3}, {}}};
  const std::string file = torch_archive(tensors);
  const TensorFileContent content = parse_tensor_file(bytes_of(file), "f");
  EXPECT_EQ(content.container, Container::torch);
  ASSERT_EQ(content.tensors.size(), 3u);
  EXPECT_EQ(content.tensors[0].shape, (Shape{2, 3}));
  EXPECT_EQ(values_of(content.tensors[0]), (std::vector<double>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(values_of(content.tensors[1]), (std::vector<double>{1, -1}));
  EXPECT_EQ(content.tensors[2].shape.count(), 0);
  EXPECT_FALSE(content.owner);
  const auto* first = reinterpret_cast<const char*>(content.tensors[0].bytes.data());
  EXPECT_TRUE(first >= file.data() && first < file.data() + file.size());
}

TEST(TorchFile, ReadsTheOldStream) {
  const StoredTensor tensors[] = {matrix("a"), matrix("b")};
  const std::string file = torch_stream(tensors);
  const TensorFileContent content = parse_tensor_file(bytes_of(file), "f");
  EXPECT_EQ(content.container, Container::torch_legacy);
  ASSERT_EQ(content.tensors.size(), 2u);
  EXPECT_EQ(values_of(content.tensors[1]), (std::vector<double>{0, 1, 2, 3, 4, 5}));
  for (size_t length = 0; length < file.size(); length += 7) refused(file.substr(0, length));
}

TEST(TorchFile, CopiesViewsInTheirOrder) {
  const auto values = [](const std::string& file) {
    const TensorFileContent content = parse_tensor_file(bytes_of(file), "f");
    return values_of(content.tensors.at(0));
  };
  EXPECT_EQ(values(view(0, {3, 2}, {1, 3})), (std::vector<double>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(values(view(1, {2}, {2})), (std::vector<double>{1, 3}));
  EXPECT_EQ(values(view(2, {3}, {0})), (std::vector<double>{2, 2, 2}));
  EXPECT_EQ(values(view(5, {}, {})), (std::vector<double>{5}));
  EXPECT_EQ(values(view(0, {2, 1, 3}, {3, 77, 1})), (std::vector<double>{0, 1, 2, 3, 4, 5}));
}

TEST(TorchFile, RefusesViewsThatLeadElsewhere) {
  constexpr int64_t kHuge = int64_t{1} << 62;
  for (const std::string& file :
       {view(-1, {1}, {1}), view(6, {1}, {1}), view(0, {7}, {1}), view(0, {2, 3}, {3}), view(0, {-1, -1}, {1, 1}),
        view(0, {2}, {-1}), view(0, {kHuge, 4}, {1, 1}), view(0, {2, 2}, {kHuge, kHuge}), view(kHuge, {2}, {kHuge}),
        view(0, {1 << 30}, {0}), view(0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1})})
    refused(file);
}

TEST(TorchFile, DropsWhatIsBesideTheWeights) {
  PickleWriter pickle;
  pickle.raw("\x80\x02}(").text("callbacks").raw(call("os", "system")).text("epoch").number(3);
  pickle.raw(call("os", "system")).number(1).text("state_dict").raw("}(").text("a").tensor(matrix(), "0");
  pickle.text("step").number(7).raw("uu.");
  const std::string file = torch_archive(pickle.bytes(), {floats(kValues)});
  const TensorFileContent content = parse_tensor_file(bytes_of(file), "f");
  ASSERT_EQ(content.tensors.size(), 1u);
  EXPECT_EQ(content.tensors[0].name, "a");
}

TEST(TorchFile, RefusesWhatStandsInAWeightsPlaceAndNamesIt) {
  EXPECT_NE(refused(beside(call("os", "system"))).find("os.system"), std::string::npos);
  EXPECT_NE(refused(beside(PickleWriter().name("os", "system").bytes())).find("os.system"), std::string::npos);
  EXPECT_NE(refused(beside(PickleWriter().text("os").text("system").raw("\x93)R").bytes())).find("os.system"),
            std::string::npos);
  EXPECT_NE(refused(beside("(S'x'\nios\nsystem\n")).find("os.system"), std::string::npos);
  EXPECT_NE(refused(beside(PickleWriter().raw("(").name("os", "system").text("x").raw("o").bytes())).find("os.system"),
            std::string::npos);
  EXPECT_NE(refused(beside(PickleWriter().text("torch._utils").text("os.system").raw("\x93)R").bytes()))
                .find("torch._utils.os.system"),
            std::string::npos);
  // Known constructors that are given what they do not take.
  EXPECT_NE(refused(beside(PickleWriter()
                               .name("torch._utils", "_rebuild_parameter")
                               .raw("(" + call("os", "system") + "\x88NtR")
                               .bytes()))
                .find("os.system"),
            std::string::npos);
  refused(beside(PickleWriter().name("torch._utils", "_rebuild_tensor_v2").raw(")R").bytes()));
  refused(torch_archive(PickleWriter().raw("\x80\x02").raw(call("os", "system")).raw(".").bytes(), {}));
}

TEST(TorchFile, RefusesDamagedPickles) {
  const auto pickled = [](const std::string& opcodes) { return torch_archive("\x80\x02" + opcodes, {}); };
  for (const std::string& opcodes :
       {std::string("."), std::string("R."), std::string("t."), std::string("h\x07."), std::string("}"),
        std::string("r\xff\xff\xff\xff."), std::string("X\xff\xff\xff\xff."), std::string("T\xff\xff\xff\xff."),
        std::string("}q\0\x58\x0a\0\0\0state_dicth\0s.", 23), std::string("\xf0."), std::string("K\x2a."),
        std::string("}N."), std::string("(}(K\1K\2u.") + "."})
    refused(pickled(opcodes));
  refused(pickled(std::string(60'000, ']') + std::string(59'999, 'a') + "."));  // a list in a list in ..
  refusal(ErrorKind::unsupported, [&] { parse_tensor_file(bytes_of(torch_archive("\x80\x63}.", {})), "f"); });
  refused("\x80\x02}.        ");  // neither an archive nor the old stream
}

TEST(Zip, RefusesArchivesThatLie) {
  const std::string good = zipped({{"x/data.pkl", "\x80\x02}."}, {"x/version", "3"}});
  EXPECT_EQ(read_zip(bytes_of(good), "f").size(), 2u);
  const auto changed = [&](size_t at, char to) {
    std::string file = good;
    file[at] = to;
    return file;
  };
  const size_t directory = good.find("PK\x01\x02"), end = good.find("PK\x05\x06");
  const auto zip_refused = [&](const std::string& file) {
    refusal(ErrorKind::bad_file, [&] { read_zip(bytes_of(file), "f"); });
  };
  zip_refused(changed(end + 10, 3));          // more files than there are
  zip_refused(changed(end + 10, 1));          // fewer
  zip_refused(changed(end + 17, 0x7f));       // the directory lies elsewhere
  zip_refused(changed(directory + 8, 1));     // encrypted
  zip_refused(changed(directory + 23, 1));    // longer than it is
  zip_refused(changed(directory + 44, 1));    // begins elsewhere
  zip_refused(changed(directory + 46, 'y'));  // of another name than where it lies
  zip_refused(good.substr(0, good.size() - 1));
  zip_refused(zipped({{"a", "1"}, {"a", "2"}}));
  refused(zipped({{"x/data.pkl", "\x80\x02}."}, {"data.pkl", "\x80\x02}."}}));
  refused(zipped({{"x/version", "3"}}));
  std::string wrong = good;
  wrong[good.find("\x80\x02}.") + 2] = ']';
  EXPECT_NE(refused(wrong).find("checksum"), std::string::npos);
}

TEST(Pickle, ReadsAllWaysOfWritingTheSame) {
  const std::string text = "(dS'a'\nI7\nsS'b'\nL-8L\nsV\xc3\xa9\nF1.5\nsS'c'\nI01\ns.";
  const Pickle pickle(bytes_of(text), "f");
  EXPECT_EQ(pickle.integer(*pickle.find(pickle.root(), "a")), 7);
  EXPECT_EQ(pickle.integer(*pickle.find(pickle.root(), "b")), -8);
  EXPECT_EQ(pickle.real(*pickle.find(pickle.root(), "\xc3\xa9")), 1.5);
  EXPECT_EQ(pickle.kind(*pickle.find(pickle.root(), "c")), PickleKind::boolean);
  const std::string framed("\x80\x04\x95\x09\0\0\0\0\0\0\0}\x8c\x01x\x8a\x02\xff\xfes.", 21);
  const Pickle newer(bytes_of(framed), "f");
  EXPECT_EQ(newer.integer(*newer.find(newer.root(), "x")), -257);
}

}  // namespace
}  // namespace calotype
