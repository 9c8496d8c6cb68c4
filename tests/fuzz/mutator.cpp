#include "fuzz/mutator.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace calotype::fuzz {

namespace {

// Where sizes and offsets go wrong.
constexpr uint64_t kIntegers[] = {0,           1,          2,          0x7f,        0x80,        0xff,       0x100,
                                  0x7fff,      0x8000,     0xffff,     0x10000,     0x7fffffff,  0x80000000, 0xffffffff,
                                  0x100000000, 1ULL << 40, 1ULL << 60, ~0ULL >> 1u, 1ULL << 63u, ~0ULL};
constexpr std::string_view kNumbers[] = {
    "0",     "-1",  "1",  "2147483648",           "4294967296", "9223372036854775807",
    "1e999", "0.5", "-0", "18446744073709551616", "nan"};
constexpr uint8_t kBytes[] = {0,   '\n', ' ', '"', '\\', '{', '}',  '[',  ']',
                              '(', ')',  ':', ',', '.',  '-', 0x7f, 0x80, 0xff};

template <size_t Count, class T>
T pick(const T (&values)[Count], uint64_t number) {
  return values[number % Count];
}

bool is_digit(uint8_t byte) {
  return byte >= '0' && byte <= '9';
}

}  // namespace

Bytes Mutator::next(const std::vector<Bytes>& corpus) {
  Bytes input = corpus[below(corpus.size())];
  for (uint64_t changes = 1 + below(8); changes > 0; --changes) change(input, corpus);
  input.resize(std::min(input.size(), largest_));
  return input;
}

void Mutator::change(Bytes& input, const std::vector<Bytes>& corpus) {
  const size_t at = below(input.size()),
               length = 1 + below(std::min<size_t>(input.size() - std::min(at, input.size()), 64));
  const uint64_t kind = below(10);
  if (input.empty() || kind == 0) return insert(input, {pick(kBytes, random_())});
  const auto from = input.begin() + static_cast<int64_t>(at);
  const auto to = input.begin() + static_cast<int64_t>(std::min(at + length, input.size()));
  switch (kind) {
    case 1:
      input[at] ^= static_cast<uint8_t>(1u << below(8));
      break;
    case 2:
      input[at] = static_cast<uint8_t>(below(256));
      break;
    case 3:
      input[at] = pick(kBytes, random_());
      break;
    case 4:
      input.erase(from, to);
      break;
    case 5:
      input.resize(at);
      break;
    case 6:
      insert(input, Bytes(from, to));
      break;
    case 7:
      overwrite_integer(input);
      break;
    case 8:
      rewrite_number(input);
      break;
    default: {
      const Bytes& other = corpus[below(corpus.size())];
      const size_t begin = below(other.size());
      const size_t end = std::min(other.size(), begin + 1 + below(256));
      insert(input, Bytes(other.begin() + static_cast<int64_t>(begin), other.begin() + static_cast<int64_t>(end)));
    }
  }
}

void Mutator::overwrite_integer(Bytes& input) {
  const size_t width = size_t{1} << below(4);
  if (input.size() < width) return;
  const size_t at = below(input.size() - width + 1);
  const uint64_t value = pick(kIntegers, random_()) + below(3) - 1;
  const bool big_endian = below(2) == 1;
  for (size_t i = 0; i < width; ++i)
    input[at + i] = static_cast<uint8_t>(value >> 8 * (big_endian ? width - 1 - i : i));
}

void Mutator::rewrite_number(Bytes& input) {
  const auto start = input.begin() + static_cast<int64_t>(below(input.size()));
  const auto first = std::find_if(start, input.end(), is_digit);
  if (first == input.end()) return;
  const auto last = std::find_if_not(first, input.end(), is_digit);
  const std::string_view number = pick(kNumbers, random_());
  const auto at = input.erase(first, last);
  input.insert(at, number.begin(), number.end());
}

void Mutator::insert(Bytes& input, const Bytes& from) {
  if (input.size() + from.size() > largest_) return;
  const auto at = input.begin() + static_cast<int64_t>(below(input.size() + 1));
  // Often the same piece many times over: deep nesting, long runs.
  const uint64_t times =
      below(8) == 0 && !from.empty() ? below(std::min<uint64_t>(4096, (largest_ - input.size()) / from.size())) : 1;
  Bytes pieces;
  for (uint64_t i = 0; i < times; ++i) pieces.insert(pieces.end(), from.begin(), from.end());
  input.insert(at, pieces.begin(), pieces.end());
}

}  // namespace calotype::fuzz
