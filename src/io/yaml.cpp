#include "io/yaml.h"

#include <yaml-cpp/eventhandler.h>

#include <sstream>

#include "base/error.h"
#include "io/printable.h"

namespace calotype {
namespace {

constexpr size_t kMostBytes = 1'000'000;
constexpr int kMostDepth = 64, kMostValues = 100'000;

/// Looks at the events before any tree is built: a few lines of aliases can stand for a tree of any size.
class Guard : public YAML::EventHandler {
 public:
  explicit Guard(std::string_view where) : where_(where) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t anchor) override { value(anchor); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { value(1); }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t anchor, const std::string&) override {
    value(anchor);
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    enter(anchor);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    enter(anchor);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void value(YAML::anchor_t anchor) {
    require(anchor == 0, ErrorKind::bad_file, "{}: anchors and aliases of yaml are not read", where_);
    require(++values_ <= kMostValues, ErrorKind::bad_file, "{}: more than {} values of yaml", where_, kMostValues);
  }
  void enter(YAML::anchor_t anchor) {
    value(anchor);
    require(++depth_ <= kMostDepth, ErrorKind::bad_file, "{}: yaml nested more than {} deep", where_, kMostDepth);
  }

  std::string_view where_;
  int depth_ = 0, values_ = 0;
};

}  // namespace

YAML::Node parse_yaml(std::string_view text, std::string_view where) {
  require(text.size() <= kMostBytes, ErrorKind::bad_file, "{}: {} bytes are more than the {} that a yaml may have",
          where, text.size(), kMostBytes);
  require(is_utf8(text), ErrorKind::bad_file, "{}: a yaml must be UTF-8", where);
  try {
    const std::string copy(text);
    std::istringstream stream(copy);
    Guard guard(where);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(guard);
    return YAML::Load(copy);
  } catch (const YAML::Exception& error) {
    fail(ErrorKind::bad_file, "{}: not valid yaml in line {}: {}", where, error.mark.line + 1, printable(error.msg));
  }
}

}  // namespace calotype
