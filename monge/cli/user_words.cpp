#include "monge/cli/user_words.h"

#include <map>
#include <string>
#include <string_view>

#include "monge/core/user_words.h"

namespace monge::cli {
namespace {

// A test compares this table with the calls of user_word() in the library.
std::map<std::string, std::string> command_words() {
  return {
      {"DownloadOptions::most_bytes", "--most-gb"},
      {"EvaluateOptions::features", "--features"},
      {"EvaluateOptions::grid", "--grid"},
      {"EvaluateOptions::mode", "--mode"},
      {"EvaluateOptions::samples", "--samples"},
      {"EvaluateOptions::source", "--source"},
      {"EvaluateOptions::target", "--target"},
      {"EvaluateOptions::truth", "--truth"},
      {"FetchOptions::keep", "--keep"},
      {"FetchOptions::name", "--name"},
      {"ImageOptions::on_error = \"skip\"", "on_error = \"skip\" in the recipe, --on-error skip of a command"},
      {"OnnxOptions::float64", "--float64"},
      {"PackOptions::encoded", "--encoded"},
      {"PackOptions::on_error = \"skip\"", "--on-error skip"},
      {"PackOptions::select", "--select"},
      {"PackOptions::split", "--split"},
      {"PackOptions::split_by", "--split-by"},
      {"StateDictOptions::z_std", "--z-std"},
      {"ServeOptions::listen", "--listen"},
      {"ServeOptions::port", "--port"},
      {"TranslateOptions::batch", "--batch"},
      {"TranslateOptions::bits", "--bits"},
      {"TranslateOptions::deterministic", "--deterministic"},
      {"TranslateOptions::grid", "--grid"},
      {"TranslateOptions::noise", "--noise"},
      {"TranslateOptions::noise_scale", "--noise-scale"},
      {"TranslateOptions::samples", "--samples"},
      {"TranslateOptions::seed", "--seed"},
      {"TranslateOptions::size", "--size"},
      {"TranslateOptions::steps", "--steps"},
      {"TranslateOptions::t", "--t"},
      {"TranslateOptions::tile", "--tile"},
      {"TranslateOptions::weights", "--weights"},
      {"TruthOptions::dim", "--dim"},
      {"TruthOptions::method", "--method"},
      {"TruthOptions::pair", "--pair"},
      {"TruthOptions::epsilon", "--epsilon"},
      {"The caller", "--deterministic"},
      {"assignment", "--set"},
      {"data::check_table()", "monge data check"},
      {"data::pack()", "monge data pack"},
      {"dist::spawn_ranks()", "--gpus"},
      {"eval::fetch_weights()", "monge weights fetch"},
      {"eval::kernel_distance()", "monge kid"},
      {"eval::weights_folders(folder)", "--weights"},
      {"eval::write_statistics()", "monge stats"},
      {"eval::write_statistics() of a sweep with keep_features", "monge stats --with-features"},
      {"eval::known_weights()", "monge weights list"},
      {"in folder", "--weights"},
      {"model::export_safetensors()", "monge export --to safetensors"},
      {"model::export_torch()", "monge export --to torch"},
      {"model::folder_for_fetched_models(folder)", "--models"},
      {"model::locate_model(index_url)", "--url"},
      {"model::pretrained_models()", "monge models list"},
      {"model::write_model_index()", "monge models index"},
      {"output folder", "--out"},
      {"parent folder", "--runs"},
      {"session::resume()", "monge resume"},
      {"session::train()", "monge train"},
      {"session::translate()", "monge translate"},
      {"the device of the caller", "--device"},
  };
}

}  // namespace

void install_user_words() { set_user_words(command_words()); }

void install_serve_words() {
  constexpr std::string_view kPrefix = "TranslateOptions::";
  auto words = command_words();
  for (auto& [name, word] : words) {
    if (name.starts_with(kPrefix)) word = name.substr(kPrefix.size());
  }
  set_user_words(std::move(words));
}

}  // namespace monge::cli
