#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

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
