#include "io/provenance.h"

#include <algorithm>
#include <cctype>

namespace calotype {
namespace {

constexpr std::string_view kWords = "http://cv.iptc.org/newscodes/digitalsourcetype/";
constexpr std::string_view kProperty = "DigitalSourceType";

}  // namespace

std::string_view word_of(SourceType type) {
  switch (type) {
    case SourceType::none:
      return "";
    case SourceType::trained_algorithmic_media:
      return "trainedAlgorithmicMedia";
    case SourceType::composite_with_trained:
      return "compositeWithTrainedAlgorithmicMedia";
    case SourceType::algorithmically_enhanced:
      return "algorithmicallyEnhanced";
  }
  return "";
}

std::string write_xmp(SourceType type) {
  if (type == SourceType::none) return "";
  return "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
         "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
         "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
         "<rdf:Description rdf:about=\"\" xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">\n"
         "<Iptc4xmpExt:DigitalSourceType>" +
         std::string(kWords) + std::string(word_of(type)) +
         "</Iptc4xmpExt:DigitalSourceType>\n"
         "</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>";
}

std::string source_type_in(std::string_view xmp) {
  const size_t property = xmp.find(kProperty);
  if (property == std::string_view::npos) return "";
  const size_t word = xmp.find(kWords, property);
  if (word == std::string_view::npos) return "";
  const std::string_view rest = xmp.substr(word + kWords.size(), 100);
  const auto end = std::ranges::find_if(rest, [](unsigned char c) { return !std::isalnum(c); });
  return {rest.begin(), end};
}

}  // namespace calotype
