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
    assert!(
        unknown
            .starts_with("recipe, column 1: no key \"verlust\"; there are mtu, icmp, drop, every,")
    );
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
const EVERY_KEY: &str = "mtu=1400,icmp=10/s,drop=2+5-7,every=10,gilbert=1%/25%,loss=1%,duplicate=2%,corrupt=3%,\
    corrupt-burst=4%,truncate=5%,garbage=6%,rate=10mbit,queue=64KiB,aqm=fq-codel,ecn=on,target=2ms,\
    interval=50ms,quantum=300,flows=16,reorder=7%,overtakers=9,hold=100ms,delay=20ms,\
    jitter=2ms,distribution=pareto,order=free";

#[test]
fn every_key_is_written_as_it_was_read() {
    assert_eq!(read(EVERY_KEY).to_string(), EVERY_KEY);
    let with_tail_drop = "rate=1mbit,queue=50,mark=20";
    assert_eq!(read(with_tail_drop).to_string(), with_tail_drop);
    let with_trace = "trace=0+5+5+10.5,queue=50";
    assert_eq!(read(with_trace).to_string(), with_trace);
    for key in KEYS {
        if matches!(key.name, "mark" | "trace") {
            continue;
        }
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

#[test]
fn a_rate_and_a_trace_exclude_each_other() {
    assert_eq!(
        error("rate=1mbit,queue=10,trace=0+1"),
        "recipe, column 21: trace and rate exclude each other"
    );
}

#[test]
fn a_key_of_one_management_is_refused_with_another_one() {
    for (text, column) in [
        ("queue=10", 1),
        ("rate=1mbit,ecn=on", 12),
        ("rate=1mbit,aqm=codel,mark=5", 22),
        ("rate=1mbit,aqm=codel,quantum=300", 22),
        ("aqm=codel", 1),
        ("icmp=off", 1),
        ("overtakers=5", 1),
    ] {
        let error = text.parse::<Recipe>().expect_err(text);
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(
            matches!(error.problem, RecipeProblem::Needs { .. }),
            "{text}: {error}"
        );
    }
    read("rate=1mbit,aqm=fq-codel,quantum=300,ecn=on");
}

#[test]
fn a_part_that_means_nothing_is_not_written() {
    let recipe = Recipe {
        order: Order::Free,
        ecn: Ecn::On,
        ..Recipe::default()
    };
    assert_eq!(recipe.to_string(), "");
}

#[test]
fn rates_and_limits_are_read_in_their_units_and_ranges() {
    for (text, written) in [
        ("rate=10mbit", "rate=10mbit"),
        ("rate=1500kbit", "rate=1.5mbit"),
        ("rate=9600bit", "rate=9.6kbit"),
        ("rate=1bit", "rate=1bit"),
        ("rate=100gbit", "rate=100gbit"),
        ("rate=1mbit,queue=1", "rate=1mbit,queue=1"),
        ("rate=1mbit,queue=2048B", "rate=1mbit,queue=2KiB"),
        ("rate=1mbit,queue=150kB", "rate=1mbit,queue=150kB"),
        ("rate=1mbit,queue=1001B", "rate=1mbit,queue=1001B"),
        ("rate=1mbit,queue=100MiB", "rate=1mbit,queue=100MiB"),
    ] {
        assert_eq!(read(text).to_string(), written);
        assert_eq!(read(written), read(text));
    }
    for wrong in [
        "rate=0bit",
        "rate=101gbit",
        "rate=10",
        "rate=1.5bit",
        "rate=10Mbit",
        "rate=1mbit,queue=0",
        "rate=1mbit,queue=100001",
        "rate=1mbit,queue=101MiB",
        "rate=1mbit,queue=1.5KiB",
        "mtu=67",
        "mtu=65536",
        "mtu=1400,icmp=0/s",
        "mtu=1400,icmp=10",
    ] {
        assert!(wrong.parse::<Recipe>().is_err(), "{wrong}");
    }
}

#[test]
fn a_trace_that_makes_no_sense_is_refused_with_its_line() {
    assert_eq!(
        error("trace=0+x"),
        "recipe, column 7: trace=0+x: trace: line 2 is no number of milliseconds"
    );
    assert!(error("trace=5+4").contains("line 2 goes back in time"));
    assert!(error("trace=0+0").contains("the last moment must be above zero"));
    assert!(error("trace=").contains("the last moment must be above zero"));
    assert!(error("trace=@/nowhere/at/all").contains("entity not found"));
}

#[test]
fn a_trace_is_read_from_a_file() {
    let file = std::env::temp_dir().join(format!("sidestep-trace-{}", std::process::id()));
    std::fs::write(&file, "1\n2\n\n2\n10\n").expect("the directory can be written");
    let text = format!("trace=@{}", file.display());
    let recipe = read(&text);
    std::fs::remove_file(&file).expect("it was there");
    assert_eq!(recipe.to_string(), text);
    let same = read("trace=1+2+2+10").trace.expect("it has one");
    let moments = |trace: &Trace| Vec::from_iter((0..6).map(|number| trace.moment(number)));
    assert_eq!(recipe.trace.as_ref().map(moments), Some(moments(&same)));
}
