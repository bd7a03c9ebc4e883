// The library in one header: everything a program needs to train a map, to load one and to use it.
//
//     #include "monge/monge.h"
//
//     monge::Recipe recipe;                                  // every option, with its default; docs/recipes.md
//     recipe.method = "weak";
//     auto run = monge::Session::train(recipe, "a.csv", "b.csv");
//     run.model().translate("new-a.csv", "new-b.csv");
//
// All errors derive from monge::Error; wrong input is a monge::InputError. The library never prints and never exits;
// pass hooks to receive messages and progress. Its classes are not thread-safe unless their headers say so.
#pragma once

#include "monge/core/error.h"
#include "monge/core/version.h"
#include "monge/data/open.h"
#include "monge/data/source.h"
#include "monge/eval/evaluation.h"
#include "monge/session/compute.h"
#include "monge/session/evaluation.h"
#include "monge/session/hooks.h"
#include "monge/session/interpolation_score.h"
#include "monge/session/samples.h"
#include "monge/session/score.h"
#include "monge/session/session.h"
#include "monge/session/training.h"
#include "monge/session/translation.h"
#include "monge/session/truth.h"
#include "monge/train/recipe.h"

namespace monge {

using data::open_source;
using session::Compute;
using session::EvaluateOptions;
using session::EvaluateResult;
using session::Hooks;
using session::Model;
using session::Samples;
using session::Session;
using session::TrainHooks;
using session::TranslateOptions;
using session::TranslateResult;
using train::read_recipe;
using train::Recipe;

}  // namespace monge
