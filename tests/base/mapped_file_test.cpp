#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "support/scratch.h"

namespace calotype {
namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(MappedFile, HasTheBytesOfTheFile) {
  const Scratch scratch;
  const MappedFile file(scratch.write("a", std::string("one\0two", 7)));
  EXPECT_EQ(text_of(file.bytes()), std::string("one\0two", 7));
  EXPECT_EQ(file.path(), scratch / "a");
}

TEST(MappedFile, MayBeEmpty) {
  const Scratch scratch;
  EXPECT_TRUE(MappedFile(scratch.write("empty", "")).bytes().empty());
}

TEST(MappedFile, StaysWhileAnyoneOwnsIt) {
  const Scratch scratch;
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
  {
    const MappedFile file(scratch.write("a", "still here"));
    owner = file.owner();
    bytes = file.bytes();
  }
  std::filesystem::remove(scratch / "a");
  EXPECT_EQ(text_of(bytes), "still here");
}

/// Pages of files that this process has in memory, in bytes.
int64_t resident_file_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0, shared = 0;
  file >> size >> resident >> shared;
  return shared * 4096;
}

TEST(MappedFile, GivesPagesBackAndReadsThemAgain) {
  constexpr int64_t kSize = int64_t{8} << 20;
  const Scratch scratch;
  const MappedFile file(scratch.write("a", std::string(kSize, 'x')));
  const auto sum = [&] {
    int64_t total = 0;
    for (const std::byte byte : file.bytes()) total += static_cast<int64_t>(byte);
    return total;
  };
  EXPECT_EQ(sum(), kSize * 'x');
  const int64_t before = resident_file_bytes();
  MappedFile::let_go(file.bytes().subspan(1, kSize - 2));
  EXPECT_LE(resident_file_bytes(), before - (kSize - (1 << 18)));
  EXPECT_EQ(sum(), kSize * 'x');
}

TEST(MappedFile, LeavesMemoryThatIsNoFileAlone) {
  const Scratch scratch;
  const MappedFile file(scratch.write("a", "x"));
  const std::string text(1 << 20, 'y');
  MappedFile::let_go(std::as_bytes(std::span(text)));
  EXPECT_EQ(text, std::string(1 << 20, 'y'));
}

TEST(MappedFile, RefusesWhatIsNoFile) {
  const Scratch scratch;
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { MappedFile(scratch / "missing"); }).find("missing"), std::string::npos);
  refusal(ErrorKind::bad_file, [&] { MappedFile(scratch / "."); });
  refusal(ErrorKind::bad_file, [&] { MappedFile("/dev/zero"); });
  // Nobody writes into the pipe: opening it must not wait for someone.
  ASSERT_EQ(mkfifo((scratch / "pipe").c_str(), 0600), 0);
  refusal(ErrorKind::bad_file, [&] { MappedFile(scratch / "pipe"); });
}

}  // namespace
}  // namespace calotype
