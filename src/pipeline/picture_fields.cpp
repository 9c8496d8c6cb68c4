#include "pipeline/picture_fields.h"

#include "base/error.h"
#include "io/printable.h"

namespace calotype {

void size_is_the_pictures(std::vector<Field>& table) {
  for (Field& field : table)
    if (field.name == "width" || field.name == "height") field.unset = "the picture's own";
}

void add_strength(std::vector<Field>& table, double& strength) {
  table.push_back({.name = "strength",
                   .options = "--strength",
                   .help = "how much of the picture is replaced: that share of the steps is run; at 0 none would be",
                   .value = &strength,
                   .low = 0,
                   .high = 1});
}

void add_fitting(std::vector<Field>& table, std::string& resize_mode, bool& full_size) {
  table.push_back({.name = "resize_mode",
                   .options = "--resize-mode",
                   .help = "how a picture comes to a size of another shape",
                   .value = &resize_mode,
                   .choices = {"stretch", "crop", "fill"}});
  table.push_back({.name = "full_size",
                   .options = "--full-size",
                   .help = "draw at the picture's own size, also where that is above four times the model's area",
                   .value = &full_size});
}

ResizeMode fitting(const std::string& resize_mode) {
  const auto mode = resize_mode_from(resize_mode);
  require(mode.has_value(), ErrorKind::bad_input,
          "resize_mode: there is none named '{}'; there are stretch, crop, fill", printable(resize_mode, 40));
  return *mode;
}

}  // namespace calotype
