console.log("generate later")
