use super::*;

fn read(text: &str) -> Recipe {
    match text.parse() {
        Ok(recipe) => recipe,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn error(text: &str) -> String {
    match text.parse::<Recipe>() {
        Ok(recipe) => panic!("{text} was read as {recipe}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_empty_recipe_does_nothing() {
    assert_eq!(read(""), Recipe::default());
    assert_eq!(read("  "), Recipe::default());
    assert_eq!(Recipe::default().to_string(), "");
}

#[test]
fn keys_may_come_in_any_order_with_spaces_and_are_written_in_one() {
    let recipe = read(" loss = 1% , delay=20ms,jitter=2ms ");
    assert_eq!(recipe.delay, Duration::from_millis(20));
    assert_eq!(recipe.loss.billionths(), 10_000_000);
    assert_eq!(recipe.to_string(), "loss=1%,delay=20ms,jitter=2ms");
}

#[test]
fn a_value_that_is_the_default_anyway_is_read_and_not_written() {
    assert_eq!(read("loss=0%,jitter=0ms,order=keep").to_string(), "");
}

#[test]
fn an_error_names_the_column_in_characters_and_what_would_be_right() {
    assert_eq!(
        error("delay=20ms,loss=1"),
        "recipe, column 17: loss=1: wanted a share in percent such as 1% or 0.05%"
    );
    assert_eq!(
        error("loss=101%"),
        "recipe, column 6: loss=101%: is outside 0% to 100%"
    );
    assert_eq!(
        error("loss=1%, delay=20ms, loss=2%"),
        "recipe, column 22: loss is given twice"
    );
    assert_eq!(
        error("loss=1%,"),
        "recipe, column 9: wanted key=value, found \"\""
    );
    assert_eq!(
        error("loss"),
        "recipe, column 1: wanted key=value, found \"loss\""
    );
    let unknown = error("verlust=ä,löss=1%");
    assert!(unknown.starts_with("recipe, column 1: no key \"verlust\"; there are drop, every,"));
    let second = error("delay=20ms,löss=1%");
    assert!(
        second.starts_with("recipe, column 12: no key \"löss\""),
        "{second}"
    );
}

#[test]
fn a_key_about_another_one_is_refused_without_it() {
    assert_eq!(
        error("delay=1ms,order=free"),
        "recipe, column 11: order means nothing without jitter"
    );
    assert_eq!(read("order=free,jitter=1ms").order, Order::Free);
}

#[test]
fn the_two_to_four_shares_of_a_bursty_link_are_read_and_written() {
    let gilbert = read("gilbert=1%/25%").gilbert;
    let same = Gilbert {
        worsens: Share::from_thousandths(10),
        recovers: Share::from_thousandths(250),
        bad_loss: Share::ALL,
        good_loss: Share::NONE,
    };
    assert_eq!(gilbert, Some(same));
    for text in [
        "gilbert=1%/25%",
        "gilbert=1%/25%/90%",
        "gilbert=1%/25%/100%/0.1%",
    ] {
        assert_eq!(read(text).to_string(), text);
    }
    assert!(error("gilbert=1%").contains("two to four shares"));
    assert!(error("gilbert=1%/2%/3%/4%/5%").contains("two to four shares"));
}

/// Every key with a value that is not its default.
const EVERY_KEY: &str = "drop=2+5-7,every=10,gilbert=1%/25%,loss=1%,duplicate=2%,corrupt=3%,\
    corrupt-burst=4%,truncate=5%,garbage=6%,reorder=7%,overtakers=9,hold=100ms,delay=20ms,\
    jitter=2ms,distribution=pareto,order=free";

#[test]
fn every_key_is_written_as_it_was_read() {
    assert_eq!(read(EVERY_KEY).to_string(), EVERY_KEY);
    for key in KEYS {
        let prefix = format!("{}=", key.name);
        let named = EVERY_KEY.split(',').any(|part| part.starts_with(&prefix));
        assert!(named, "{} is missing in this test", key.name);
    }
}

#[test]
fn every_key_refuses_nonsense() {
    for key in KEYS {
        let text = format!("{}=nonsense", key.name);
        let outcome = text.parse::<Recipe>();
        assert!(outcome.is_err(), "{text} was read");
    }
}
