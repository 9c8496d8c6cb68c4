#include "base/sha256.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace calotype {
namespace {

std::string hashed(std::string_view text, size_t piece) {
  Sha256 hash;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size())))
    hash.add(std::as_bytes(std::span(text.substr(0, piece))));
  return hash.digest();
}

/// The examples of FIPS 180-4, and the lengths at which the padding needs another block, in pieces of any length.
TEST(Sha256, IsTheStandards) {
  const std::string_view two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (const size_t piece : {1, 7, 64, 1000}) {
    EXPECT_EQ(hashed("", piece), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hashed("abc", piece), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hashed(two_blocks, piece), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(hashed(std::string(1000, 'a'), piece), hashed(std::string(1000, 'a'), 13));
  }
  EXPECT_EQ(hashed(std::string(1'000'000, 'a'), 4096),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace calotype
