//! Deliveries to a web server that fails, hangs and recovers, under crashes.

use pontoon_sim::delivery::DeliveryRun;

#[test]
fn what_is_accepted_arrives_or_becomes_a_dead_letter() {
    let (mut arrived, mut dead, mut crashes) = (0, 0, 0);
    for seed in 0..6 {
        println!("seed {seed}");
        let mut run = DeliveryRun::new(seed);
        let ended = run.run(300);
        arrived += ended.0;
        dead += ended.1;
        crashes += run.crashes();
    }
    assert!(arrived > 500 && dead > 50 && crashes > 10, "{arrived} arrived, {dead} dead, {crashes} crashes");
}
