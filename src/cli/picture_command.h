#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/drawing.h"
#include "cli/picture_options.h"
#include "cli/prompts.h"

namespace calotype::cli {

/// What the commands share that draw from pictures: their options, and a wish for each picture and each prompt.
/// `Request` has a member `text`, a table of `fields`, and is settled by `settle`.
template <class Request>
struct PictureCommand {
  Request request;
  DrawingOptions drawing;
  PictureOptions input;
  Options options;
  std::vector<NamedFile> files, outputs;  // that only this command reads or writes

  PictureCommand(const std::string& name, std::string description)
      : options("calotype " + name, std::move(description)) {
    input.add_to(options);
    drawing.add_to(options, fields(request));
  }

  /// False where help was asked for.
  bool parse(Arguments arguments) {
    if (!options.parse(arguments)) return false;
    drawing.take_size(fields(request));
    return true;
  }

  void require_prompt() const {
    require(options.given("prompt") || options.given("prompt_file"), ErrorKind::bad_input,
            "prompt: say what to draw with -p TEXT (it may be empty), or --prompt-file FILE");
  }
  void require_picture() const {
    require(!input.asked.empty(), ErrorKind::bad_input, "init_img: say what to begin with by -i FILE");
  }

  /// Draws each request from each picture, or once from none, after `load` has put into it what the path names. Seeds
  /// go on from one picture to the next.
  void draw(const std::function<void(Request& request, const std::string& path)>& load, const Announce& announce = {}) {
    const std::vector<std::string> given = input.paths();
    std::vector<NamedFile> read = input.files(given);
    read.insert(read.end(), files.begin(), files.end());
    if (given.size() > 1 && !options.given("output")) drawing.output.output = "output/";
    const std::vector<std::string> paths = given.empty() ? std::vector<std::string>{""} : given;
    draw_wishes(drawing, {read, outputs}, [&] { return wishes(paths, load); }, announce);
  }

 private:
  std::vector<Wish> wishes(const std::vector<std::string>& paths,
                           const std::function<void(Request&, const std::string&)>& load) {
    const std::vector<Request> requests = requests_of(request, drawing.prompt_file);
    std::vector<Wish> result;
    int64_t drawn = 0, each_time = 0;
    for (const Request& each : requests) each_time += each.text.batch_count;
    for (const std::string& path : paths) {
      for (const Request& each : requests)
        result.push_back({each.text.batch_count,
                          [each, path, load, drawn](const StableDiffusion& model, int64_t first, int64_t count) {
                            Request part = each;
                            part.text = part_of(each.text, drawn + first, count);
                            load(part, path);
                            return settle(model, part);
                          },
                          path.empty() ? "" : stem_of(path)});
      drawn += each_time;
    }
    return result;
  }
};

}  // namespace calotype::cli
