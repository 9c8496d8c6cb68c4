#include "io/infotext.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/scratch.h"

namespace calotype {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

TEST(Infotext, ReadsAsTheWebInterfaceDoes) {
  const json rows = json::parse(file_text(test_data("parameters.json")));
  ASSERT_EQ(rows.size(), 15u);
  for (const json& row : rows) {
    SCOPED_TRACE(row["text"].dump());
    const Infotext read = parse_infotext(row["text"].get<std::string>());
    EXPECT_EQ(read.prompt, row["prompt"].get<std::string>());
    EXPECT_EQ(read.negative, row["negative"].get<std::string>());
    json settings = json::object();
    for (const auto& [key, value] : read.settings) settings[key] = value;
    EXPECT_EQ(settings, row["settings"]) << settings.dump();
  }
}

TEST(Infotext, WritesAsTheWebInterfaceDoes) {
  const ordered_json rows = ordered_json::parse(file_text(test_data("parameters_writing.json")));
  ASSERT_EQ(rows.size(), 3u);
  for (const ordered_json& row : rows) {
    Infotext infotext{row["prompt"], row["negative"], {}};
    for (const auto& [key, value] : row["fields"].items()) {
      const std::string text = value.is_null() ? "" : value.is_string() ? value.get<std::string>() : value.dump();
      infotext.settings.emplace_back(key, text);
    }
    EXPECT_EQ(write_infotext(infotext), row["text"].get<std::string>());
  }
}

TEST(Infotext, WhatIsWrittenIsReadBack) {
  const Infotext infotext{"a cat, (oil:1.2)\nsecond line",
                          "blurry\nNot: this",
                          {{"Steps", "20"},
                           {"Sampler", "DPM++ 2M"},
                           {"CFG scale", "7.5"},
                           {"Seed", "4294967296"},
                           {"Lora hashes", "a: 0123, b: \"4567\"\n\\"},
                           {"Model", "modèle 猫"}}};
  const Infotext read = parse_infotext(write_infotext(infotext));
  EXPECT_EQ(read.prompt, infotext.prompt);
  EXPECT_EQ(read.negative, infotext.negative);
  EXPECT_EQ(read.settings, infotext.settings);
  ASSERT_TRUE(read.find("Seed"));
  EXPECT_EQ(*read.find("Seed"), "4294967296");
  EXPECT_FALSE(read.find("Size"));
}

TEST(Infotext, TakesAnyBytes) {
  for (const std::string text :
       {"", "\n\n", "\xff\xfe: \xf0\x9f", "a: \"\\", "Steps: 1, Sampler: \"x, Size: 1x2, Seed: 3",
        "Negative prompt:", ", , ,", ":::", "\xc2"})
    parse_infotext(text);
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += "k" + std::to_string(i) + ": \"v, ";
  EXPECT_EQ(parse_infotext(many).settings.size(), 100'000u);
}

}  // namespace
}  // namespace calotype
