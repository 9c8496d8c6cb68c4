#include "base/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "support/scratch.h"

namespace calotype {
namespace {

size_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

TEST(OutputFile, AppearsWholeAndOnlyThen) {
  const Scratch scratch;
  {
    OutputFile file(scratch / "picture");
    file.write("one ");
    file.write("two");
    EXPECT_FALSE(std::filesystem::exists(scratch / "picture"));
    file.commit();
  }
  EXPECT_EQ(file_text(scratch / "picture"), "one two");
  EXPECT_EQ(files_in(scratch / "."), 1u);
}

TEST(OutputFile, LeavesNothingWhenGivenUp) {
  const Scratch scratch;
  scratch.write("picture", "old");
  try {
    OutputFile file(scratch / "picture");
    file.write("new");
    throw Error(ErrorKind::cancelled, "stopped");
  } catch (const Error&) {
  }
  EXPECT_EQ(file_text(scratch / "picture"), "old");
  EXPECT_EQ(files_in(scratch / "."), 1u);
}

TEST(OutputFile, ReplacesAnOlderFile) {
  const Scratch scratch;
  scratch.write("picture", "a longer old text");
  OutputFile file(scratch / "picture");
  file.write("new");
  EXPECT_EQ(file_text(scratch / "picture"), "a longer old text");
  file.commit();
  EXPECT_EQ(file_text(scratch / "picture"), "new");
}

TEST(OutputFile, HasTheRightsThatUmaskLeaves) {
  const Scratch scratch;
  const mode_t before = umask(027);
  OutputFile file(scratch / "picture");
  file.commit();
  umask(before);
  struct stat status{};
  ASSERT_EQ(stat((scratch / "picture").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
}

TEST(OutputFile, SaysWhereItCannotBeWritten) {
  const Scratch scratch;
  const auto missing = scratch / "no such folder";
  EXPECT_NE(refusal(ErrorKind::cannot_write, [&] { OutputFile(missing / "picture"); }).find(missing.string()),
            std::string::npos);
  scratch.write("file", "");
  refusal(ErrorKind::cannot_write, [&] { OutputFile((scratch / "file") / "picture"); });
  refusal(ErrorKind::cannot_write, [&] { OutputFile{scratch / "."}; });
  refusal(ErrorKind::cannot_write, [&] { OutputFile("/proc/picture"); });
}

TEST(OutputFile, WritesToDevicesAsTheyAre) {
  OutputFile nothing("/dev/null");
  nothing.write("gone");
  EXPECT_NO_THROW(nothing.commit());

  const std::string reason = refusal(ErrorKind::cannot_write, [] {
    OutputFile full("/dev/full");
    full.write("too much");
    full.commit();
  });
  EXPECT_NE(reason.find("/dev/full"), std::string::npos);
  EXPECT_NE(reason.find("No space left"), std::string::npos);
}

// As `ulimit -f` does, in a process of its own.
TEST(OutputFile, LeavesNothingWhenTheFileMayNotGrow) {
  const Scratch scratch;
  const pid_t process = fork();
  if (process == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    int status = 1;
    try {
      OutputFile file(scratch / "picture");
      file.write(std::string(10000, 'x'));
      file.commit();
    } catch (const Error& error) {
      status = error.kind() == ErrorKind::cannot_write ? 0 : 2;
    }
    _exit(status);
  }
  int status = 0;
  ASSERT_EQ(waitpid(process, &status, 0), process);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(files_in(scratch / "."), 0u);
}

TEST(OutputFile, NewOnesReplaceNothing) {
  const Scratch scratch;
  for (const bool expected : {true, false}) {
    OutputFile file(scratch / "picture");
    file.write(expected ? "first" : "second");
    EXPECT_EQ(file.commit_new(), expected);
  }
  EXPECT_EQ(std::filesystem::file_size(scratch / "picture"), 5u);
  EXPECT_EQ(files_in(scratch / "."), 1u);
}

TEST(OutputFile, AKilledProcessLeavesNothing) {
  const Scratch scratch;
  const pid_t process = fork();
  if (process == 0) {
    OutputFile file(scratch / "picture");
    file.write("half");
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(process, &status, 0), process);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_LE(files_in(scratch / "."), 1u);  // file systems without nameless files keep the temporary name
  if (const int probe = open((scratch / ".").c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600); probe >= 0) {
    close(probe);
    EXPECT_EQ(files_in(scratch / "."), 0u);
  }
}

TEST(OutputFile, UnfinishedOnesCanBeRemovedAtOnce) {
  const Scratch scratch;
  OutputFile done(scratch / "done"), one(scratch / "one"), two(scratch / "two");
  done.commit();
  remove_unfinished_outputs();
  EXPECT_EQ(files_in(scratch / "."), 1u);
}

}  // namespace
}  // namespace calotype
