// Runs a fuzz target (LLVM's entry point) where the compiler has no fuzzer of its own: replays a corpus, then mutates
// it for a while.
//
//   fuzz_NAME [--seconds N] [--seed N] [--findings FOLDER] [--max-memory MIB] FILE_OR_FOLDER...
//
// The target runs in a child process, its input in shared memory, so that whatever ends the child leaves the input to
// the parent, which saves it. An input that takes over ten seconds, or grows the child beyond --max-memory, is a
// finding too. Exit status: 0 nothing found, 1 a finding, 2 usage.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "fuzz/mutator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using calotype::fuzz::Bytes;
using Clock = std::chrono::steady_clock;

constexpr size_t kLargestInput = size_t{1} << 20;
constexpr double kLongestRun = 10;

struct Options {
  double seconds = 2;
  uint64_t seed = 1;
  std::filesystem::path findings = "findings";
  uint64_t memory_mib = 2048;
  std::vector<std::filesystem::path> corpus;
};

/// What child and parent share: the input at hand, and how far the child is.
struct Shared {
  std::atomic<uint64_t> runs;
  std::atomic<uint64_t> size;
  uint8_t input[kLargestInput];
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0) {
      options.corpus.emplace_back(word);
      continue;
    }
    if (i + 1 == argc) std::exit((std::fprintf(stderr, "%s: needs a value\n", word.c_str()), 2));
    const char* value = argv[++i];
    if (word == "--seconds") {
      options.seconds = std::atof(value);
    } else if (word == "--seed") {
      options.seed = std::strtoull(value, nullptr, 10);
    } else if (word == "--findings") {
      options.findings = value;
    } else if (word == "--max-memory") {
      options.memory_mib = std::strtoull(value, nullptr, 10);
    } else {
      std::exit((std::fprintf(stderr, "%s: unknown option\n", word.c_str()), 2));
    }
  }
  return options;
}

/// All files, in the order of their names, so that a run depends on the seed alone.
std::vector<Bytes> read_corpus(const std::vector<std::filesystem::path>& places) {
  std::vector<std::filesystem::path> files;
  for (const auto& place : places) {
    if (std::filesystem::is_directory(place)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(place))
        if (entry.is_regular_file()) files.push_back(entry.path());
    } else {
      files.push_back(place);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Bytes> corpus;
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) std::exit((std::fprintf(stderr, "%s: cannot be read\n", file.c_str()), 2));
    Bytes bytes{std::istreambuf_iterator<char>(stream), {}};
    bytes.resize(std::min(bytes.size(), kLargestInput));
    corpus.push_back(std::move(bytes));
  }
  if (corpus.empty()) corpus.emplace_back();
  return corpus;
}

void run(const Bytes& input, Shared& shared) {
  shared.size = input.size();
  std::copy(input.begin(), input.end(), shared.input);
  // A block of exactly this size, so that a sanitizer sees the first byte read beyond it.
  const Bytes exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ++shared.runs;
}

[[noreturn]] void child(const Options& options, const std::vector<Bytes>& corpus, Shared& shared) {
  for (const Bytes& input : corpus) run(input, shared);
  calotype::fuzz::Mutator mutator(options.seed, kLargestInput);
  const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
  while (Clock::now() < end) run(mutator.next(corpus), shared);
  std::fflush(nullptr);
  std::_Exit(0);
}

uint64_t resident_mib(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) >> 20;
}

/// Waits for the child. Returns what is wrong with it, or an empty text.
std::string watch(pid_t process, const Options& options, const Shared& shared) {
  uint64_t last_run = 0;
  auto since = Clock::now();
  for (;;) {
    int status = 0;
    if (waitpid(process, &status, WNOHANG) == process) {
      if (WIFSIGNALED(status)) return "crash, signal " + std::to_string(WTERMSIG(status));
      return WEXITSTATUS(status) == 0 ? "" : "crash, exit status " + std::to_string(WEXITSTATUS(status));
    }
    std::string verdict;
    if (shared.runs != last_run) {
      last_run = shared.runs;
      since = Clock::now();
    } else if (std::chrono::duration<double>(Clock::now() - since).count() > kLongestRun) {
      verdict = "too slow";
    }
    if (resident_mib(process) > options.memory_mib) verdict = "too much memory";
    if (!verdict.empty()) {
      kill(process, SIGKILL);
      waitpid(process, &status, 0);
      return verdict;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::filesystem::path save(const Shared& shared, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < shared.size; ++i) hash = (hash ^ shared.input[i]) * 1099511628211u;
  char name[32];
  std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(hash));
  std::ofstream(folder / name, std::ios::binary)
      .write(reinterpret_cast<const char*>(shared.input), static_cast<std::streamsize>(shared.size.load()));
  return folder / name;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const std::vector<Bytes> corpus = read_corpus(options.corpus);
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return std::perror("mmap"), 1;
  Shared& shared = *new (memory) Shared;

  const pid_t process = fork();
  if (process < 0) return std::perror("fork"), 1;
  if (process == 0) child(options, corpus, shared);

  const std::string wrong = watch(process, options, shared);
  std::printf("%llu inputs, %zu of them the corpus, seed %llu\n", static_cast<unsigned long long>(shared.runs.load()),
              corpus.size(), static_cast<unsigned long long>(options.seed));
  if (wrong.empty()) return 0;
  std::printf("FINDING: %s; the input is %s\n", wrong.c_str(), save(shared, options.findings).c_str());
  return 1;
}
